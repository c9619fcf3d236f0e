/* SPDX-License-Identifier: Apache-2.0 */
/* options_test.c: configuration texts and what the table makes of them: reports, members, defaults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "conf/load.h"
#include "conf/number.h"

#define SEC ((int64_t)NS_PER_SEC)

/* Warnings, then errors, without the last newline. */
static char *report_of(const char *text)
{
        struct buf warnings, errors;
        buf_init(&warnings);
        buf_init(&errors);
        options_free(options_read_text(slice_str(text), "F", &warnings, &errors));
        buf_append_slice(&warnings, buf_slice(&errors));
        buf_fini(&errors);
        if (warnings.len > 0 && warnings.ptr[warnings.len - 1] == '\n')
                warnings.len--;
        return buf_take_str(&warnings);
}

/* Text → finished options; the text must be without fault. */
static struct options *options_of(const char *text)
{
        struct buf warnings, errors;
        buf_init(&warnings);
        buf_init(&errors);
        struct options *opts = options_read_text(slice_str(text), "F", &warnings, &errors);
        if (errors.len > 0)
                fail_msg("<%s>: %.*s", text, SLICE_ARG(buf_slice(&errors)));
        buf_fini(&warnings);
        buf_fini(&errors);
        options_finish(opts);
        return opts;
}

struct report_case {
        const char *text, *want;
};

static void check_reports(const struct report_case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                char *got = report_of(cases[i].text);
                if (strcmp(got, cases[i].want) != 0)
                        fail_msg("<%s>\n  got  %s\n  want %s", cases[i].text, got, cases[i].want);
                xfree(got);
        }
}

/* Rows 33 to 47 and the tls map: the texts of nats-server 2.15 for these files, "" where it
 * accepts. */
static const struct report_case same_as_reference[] = {
        /* clang-format off */
        { "port: \"x\"", "F:1:0: wrong type: expected an integer, got a string" },
        { "port: 1.5", "F:1:0: wrong type: expected an integer, got a number" },
        { "port: [1, ]", "F:1:0: wrong type: expected an integer, got a list" },
        { "port: {a 1}",
                "F:1:0: wrong type: expected an integer, got a map" },
        { "port: 2016-05-04T18:53:41Z",
                "F:1:0: wrong type: expected an integer, got a date" },
        { "port: true", "F:1:0: wrong type: expected an integer, got a boolean" },
        { "host: 1", "F:1:0: wrong type: expected a string, got an integer" },
        { "debug: 1", "F:1:0: wrong type: expected a boolean, got an integer" },
        { "debug: \"true\"", "F:1:0: wrong type: expected a boolean, got a string" },
        { "trace: yes", "" },
        { "listen: 4222", "" },
        { "listen: \"x\"", "F:1:0: could not parse address string \"x\"" },
        { "listen: \":4222\"", "" },
        { "listen: \"a:b\"", "F:1:0: could not parse port \"b\"" },
        { "listen: \"a:b:c\"", "F:1:0: could not parse address string \"a:b:c\"" },
        { "listen: \"[::1]:4222\"", "" },
        { "listen: \"[::1\"", "F:1:0: could not parse address string \"[::1\"" },
        { "listen: \"[::1]\"", "F:1:0: could not parse address string \"[::1]\"" },
        { "listen: \"[a]b:1\"", "F:1:0: could not parse address string \"[a]b:1\"" },
        { "listen: \"a]:1\"", "F:1:0: could not parse address string \"a]:1\"" },
        { "listen: 1.5", "F:1:0: expected port or host:port, got float64" },
        { "listen: \"h:+5\"", "" },
        { "listen: \"h:\"", "F:1:0: could not parse port \"\"" },
        { "http: true", "F:1:0: expected port or host:port, got bool" },
        { "https: \"x:y\"", "F:1:0: could not parse port \"y\"" },
        { "server_name: \"a b\"", "F:1:0: server name cannot contain spaces" },
        { "server_name: 5", "F:1:0: wrong type: expected a string, got an integer" },
        { "max_connections: \"a\"",
                "F:1:0: wrong type: expected an integer, got a string" },
        { "max_control_line: 3000000000", "F:1:0: max_control_line value is too big" },
        { "MAX_CONTROL_LINE: 3gb", "F:1:0: MAX_CONTROL_LINE value is too big" },
        { "max_payload: 2147483648", "F:1:0: max_payload value is too big" },
        { "max_payload: 2147483647", "" },
        { "max_sub_tokens: 256", "F:1:0: max_sub_tokens value is too big" },
        { "max_subscription_tokens: 0",
                "F:1:0: max_subscription_tokens value can not be negative" },
        { "max_sub_tokens: -1", "F:1:0: max_sub_tokens value can not be negative" },
        { "max_sub_tokens: 255", "" },
        { "ping_interval: 5",
                "F:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration" },
        { "ping_interval: 5m",
                "F:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration" },
        { "ping_interval: \"5x\"",
                "F:1:0: error parsing ping_interval: time: unknown unit \"x\" in duration \"5x\"" },
        { "ping_interval: \"\"",
                "F:1:0: error parsing ping_interval: time: invalid duration \"\"" },
        { "ping_interval: \"1\"",
                "F:1:0: error parsing ping_interval: time: missing unit in duration \"1\"" },
        { "ping_interval: \"1.5h2m3.5s\"", "" },
        { "ping_interval: \"-1.5h\"", "" },
        { "ping_interval: \".\"",
                "F:1:0: error parsing ping_interval: time: invalid duration \".\"" },
        { "ping_interval: \"1.s\"", "" },
        { "ping_interval: \".5s\"", "" },
        { "ping_interval: \"3 s\"",
                "F:1:0: error parsing ping_interval: time: unknown unit \" s\" in duration \"3 s\"" },
        { "ping_interval: \"9999999999h\"",
                "F:1:0: error parsing ping_interval: time: invalid duration \"9999999999h\"" },
        { "ping_interval: \"+\"",
                "F:1:0: error parsing ping_interval: time: invalid duration \"+\"" },
        { "ping_interval: \"1µs\"", "" },
        { "ping_interval: \"1\\\"s\"",
                "F:1:0: error parsing ping_interval: time: unknown unit \"\\\"s\" in duration \"1\\\"s\"" },
        { "ping_interval: true",
                "F:1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\nF:1:0: wrong type: expected an integer, got a boolean" },
        { "write_deadline: [1, ]",
                "F:1:0: invalid use of field \"write_deadline\": write_deadline should be converted to a duration\nF:1:0: wrong type: expected an integer, got a list" },
        { "write_deadline: 1.5",
                "F:1:0: invalid use of field \"write_deadline\": write_deadline should be converted to a duration\nF:1:0: wrong type: expected an integer, got a number" },
        { "write_timeout: \"Close\"",
                "F:1:0: write_timeout must be 'default', 'close' or 'retry'" },
        { "write_timeout: close", "" },
        { "write_timeout: 1", "F:1:0: wrong type: expected a string, got an integer" },
        { "lame_duck_duration: 5",
                "F:1:0: wrong type: expected a string, got an integer" },
        { "lame_duck_duration: \"5\"",
                "F:1:0: error parsing lame_duck_duration: time: missing unit in duration \"5\"" },
        { "lame_duck_duration: \"29.5s\"",
                "F:1:0: invalid lame_duck_duration of 29.5s, minimum is 30 seconds" },
        { "lame_duck_duration: 30s", "" },
        { "lame_duck_grace_period: \"-1s\"",
                "F:1:0: invalid lame_duck_grace_period, needs to be positive" },
        { "lame_duck_grace_period: \"x\"",
                "F:1:0: error parsing lame_duck_grace_period: time: invalid duration \"x\"" },
        { "logfile_max_num: \"x\"",
                "F:1:0: wrong type: expected an integer, got a string" },
        { "syslog: \"x\"", "F:1:0: wrong type: expected a boolean, got a string" },
        { "server_tags: 5", "F:1:0: error parsing tags: unsupported type int64" },
        { "server_tags: [a, 5 ]",
                "F:1:0: error parsing tags: unsupported type *conf.token where string is expected" },
        { "server_tags: [\" A \", b, \"a\"]", "" },
        { "server_metadata: x", "F:1:0: error parsing metadata: unsupported type string" },
        { "server_metadata: {a: 5}",
                "F:1:18: wrong type: expected a string, got an integer" },
        { "server_metadata: {a: \"5\"}", "" },
        { "feature_flags: 5", "F:1:0: error parsing feature flags: unsupported type int64" },
        { "feature_flags: {a: 5}",
                "F:1:16: error parsing feature flag \"a\": expected bool, got int64" },
        { "feature_flags: {a: true}", "" },
        { "prof_port: x", "F:1:0: wrong type: expected an integer, got a string" },
        { "no_header_support: 5", "F:1:0: wrong type: expected a boolean, got an integer" },
        { "unknown: 5", "F:1:0: unknown field \"unknown\"" },
        { "unknown: 5\nport: $unknown", "" },
        { "a\\\"b: 5", "F:1:0: unknown field \"a\\\\\\\"b\"" },
        { "unk {a 1}", "F:1:0: unknown field \"unk\"" },
        { "tls: true",
                "F:1:0: wrong type: expected a map, got a boolean" },
        { "tls: []",
                "F:1:0: wrong type: expected a map, got a list" },
        { "tls {}", "" },
        { "tls { cert_file: 5 }",
                "F:1:6: error parsing tls config, expected 'cert_file' to be filename" },
        { "tls { cert_file: \"x\" }", "F:1:0: missing 'key_file' in TLS configuration" },
        { "tls { key_file: \"x\" }", "F:1:0: missing 'cert_file' in TLS configuration" },
        { "tls { key_file: 5 }",
                "F:1:6: error parsing tls config, expected 'key_file' to be filename" },
        { "tls { ca_file: 5 }",
                "F:1:6: error parsing tls config, expected 'ca_file' to be filename" },
        { "tls { insecure: 5 }",
                "F:1:6: error parsing tls config, expected 'insecure' to be a boolean" },
        { "tls { verify: 5 }",
                "F:1:6: error parsing tls config, expected 'verify' to be a boolean" },
        { "tls { verify_and_map: 5 }",
                "F:1:6: error parsing tls config, expected 'verify_and_map' to be a boolean" },
        { "tls { verify_cert_and_check_known_urls: 5 }",
                "F:1:6: error parsing tls config, expected 'verify_cert_and_check_known_urls' to be a boolean" },
        { "tls { verify_cert_and_check_known_urls: true }",
                "F:1:6: verify_cert_and_check_known_urls not supported in this context" },
        { "tls { verify_cert_and_check_known_urls: false }", "" },
        { "tls { cipher_suites: 5 }",
                "F:1:6: wrong type: expected a list, got an integer" },
        { "tls { cipher_suites: [] }",
                "F:1:6: error parsing tls config, 'cipher_suites' cannot be empty" },
        { "tls { cipher_suites: [5 ] }",
                "F:1:22: wrong type: expected a string, got an integer" },
        { "tls { cipher_suites: [foo] }", "F:1:22: unrecognized cipher foo" },
        { "tls { cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, \"TLS_RSA_WITH_AES_128_CBC_SHA\"] }",
                "F:1:0: insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: TLS_RSA_WITH_RC4_128_SHA, TLS_RSA_WITH_AES_128_CBC_SHA" },
        { "tls { curve_preferences: \"x\" }",
                "F:1:6: wrong type: expected a list, got a string" },
        { "tls { curve_preferences: [] }",
                "F:1:6: error parsing tls config, 'curve_preferences' cannot be empty" },
        { "tls { curve_preferences: [x] }", "F:1:26: unrecognized curve preference x" },
        { "tls { curve_preferences: [true] }",
                "F:1:26: wrong type: expected a string, got a boolean" },
        { "tls { allow_insecure_cipher_suites: 5 }",
                "F:1:6: error parsing tls config, expected 'allow_insecure_cipher_suites' to be a boolean" },
        { "tls { timeout: true }", "F:1:6: error parsing tls config, 'timeout' wrong type" },
        { "tls { timeout: \"x\" }",
                "F:1:6: error parsing tls config, 'timeout' time: invalid duration \"x\"" },
        { "tls { timeout: 1.5 }", "" },
        { "tls { timeout: \"2s\" }", "" },
        { "tls { connection_rate_limit: \"x\" }",
                "F:1:6: error parsing tls config, 'connection_rate_limit' wrong type" },
        { "tls { connection_rate_limit: 0 }", "" },
        { "tls { pinned_certs: \"x\" }",
                "F:1:6: error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded sha256 of DER encoded SubjectPublicKeyInfo" },
        { "tls { pinned_certs: [5 ] }",
                "F:1:21: wrong type: expected a string, got an integer" },
        { "tls { pinned_certs: [\"XYZ\"] }",
                "F:1:22: error parsing tls config, 'pinned_certs' key xyz does not look like hex-encoded sha256 of DER encoded SubjectPublicKeyInfo" },
        { "tls { pinned_certs: [] }", "" },
        { "tls { handshake_first: 5 }",
                "F:1:6: field \"handshake_first\" should be a boolean or a string, got int64" },
        { "tls { first: \"maybe\" }", "F:1:6: field \"first\"'s value \"maybe\" is invalid" },
        { "tls { immediate: auto }", "" },
        { "tls { handshake_first: 300ms }", "" },
        { "tls { min_version: 1.2 }",
                "F:1:6: error parsing tls config: 'min_version' wrong type: 1.2" },
        { "tls { min_version: \"1.1\" }",
                "F:1:6: error parsing tls config: unsupported TLS version: TLS 1.1" },
        { "tls { min_version: \"1.4\" }", "F:1:6: error parsing tls config: unknown version: 1.4" },
        { "tls { min_version: 5 }",
                "F:1:6: error parsing tls config: 'min_version' wrong type: 5" },
        { "tls { min_version: true }",
                "F:1:6: error parsing tls config: 'min_version' wrong type: true" },
        { "tls { min_version: \"1.3\" }", "" },
        { "tls { certs: 5 }",
                "F:1:6: error parsing certificates config: unsupported type map[string]interface {}" },
        { "tls { certs: [5 ] }",
                "F:1:14: error parsing certificates config: unsupported type int64" },
        { "tls { certs: [{cert_file: 5}] }",
                "F:1:15: error parsing certificates config: unsupported type int64" },
        { "tls { certs: [{cert_file: \"x\"}] }",
                "F:1:15: error parsing certificates config: both 'cert_file' and 'cert_key' options are required" },
        { "tls { certs: [{foo: \"x\"}] }",
                "F:1:15: error parsing tls certs config, unknown field \"foo\"" },
        { "tls { certs: [{cert_file: \"cert.pem\", key_file: \"key.pem\"}] }", "" },
        { "tls { cert_file: \"cert.pem\"\n certs: [{cert_file: \"cert.pem\", key_file: \"key.pem\"}] }",
                "F:1:0: error parsing tls config, cannot combine 'cert_file' option with 'certs' option" },
        { "tls { key_file: \"key.pem\"\n certs: [{cert_file: \"cert.pem\", key_file: \"key.pem\"}] }",
                "F:1:0: missing 'cert_file' in TLS configuration" },
        { "tls { certs: [] }", "" },
        { "tls { ocsp_peer: 5 }",
                "F:1:6: error parsing ocsp peer config: unsupported type map[string]interface {}" },
        { "tls { ocsp_peer: [] }",
                "F:1:6: error parsing ocsp peer config: unsupported type map[string]interface {}" },
        { "tls { ocsp_peer: true }", "" },
        { "tls { ocsp_peer: false }", "" },
        { "tls { ocsp_peer: { foo: true } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"foo\"]" },
        { "tls { ocsp_peer: { Foo: true } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"Foo\"]" },
        { "tls { ocsp_peer: { verify: 5 } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"verify\"]" },
        { "tls { ocsp_peer: { warn_only: \"yes\" } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"warn_only\"]" },
        { "tls { ocsp_peer: { unknown_is_good: 1 } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"unknown_is_good\"]" },
        { "tls { ocsp_peer: { ALLOW_when_ca_unreachable: 1 } }",
                "F:1:6: F:1:19: error parsing tls peer config, unknown field [\"ALLOW_when_ca_unreachable\"]" },
        { "tls { ocsp_peer: { ca_timeout: \"x\" } }",
                "F:1:6: F:1:19: error parsing tls peer config, conversion error: time: invalid duration \"x\"" },
        { "tls { ocsp_peer: { ca_timeout: true } }",
                "F:1:6: F:1:19: error parsing tls peer config, conversion error: unexpected type" },
        { "tls { ocsp_peer: { allowed_clockskew: \"x\" } }",
                "F:1:6: F:1:19: error parsing tls peer config, conversion error: unexpected type" },
        { "tls { ocsp_peer: { cache_ttl_when_next_update_unset: \"1y\" } }",
                "F:1:6: F:1:19: error parsing tls peer config, conversion error: time: unknown unit \"y\" in duration \"1y\"" },
        { "tls { ocsp_peer: { verify: true, ca_timeout: -5 } }", "" },
        { "tls { ocsp_peer: { Verify: true, CA_Timeout: 0.5, allowed_clockskew: \"1m30s\" } }", "" },
        { "ocsp_cache: 5", "F:1:0: error parsing tags: unsupported type int64" },
        { "ocsp_cache: \"x\"", "F:1:0: error parsing tags: unsupported type string" },
        { "ocsp_cache: []", "F:1:0: error parsing tags: unsupported type []interface {}" },
        { "ocsp_cache: {foo: 1}",
                "F:1:13: error parsing OCSP peer cache config, unknown field [\"foo\"]" },
        { "ocsp_cache: {type: 1}",
                "F:1:13: error parsing OCSP peer cache config, unknown field [\"type\"]" },
        { "ocsp_cache: {type: redis}",
                "F:1:13: error parsing OCSP peer cache config, unknown type [redis]" },
        { "ocsp_cache: {local_store: 1}",
                "F:1:13: error parsing OCSP peer cache config, unknown field [\"local_store\"]" },
        { "ocsp_cache: {preserve_revoked: 1}",
                "F:1:13: error parsing OCSP peer cache config, unknown field [\"preserve_revoked\"]" },
        { "ocsp_cache: {save_interval: \"x\"}",
                "F:1:13: error parsing tls peer config, conversion error: time: invalid duration \"x\"" },
        { "ocsp_cache: {save_interval: true}",
                "F:1:13: error parsing OCSP peer cache config, conversion error: unexpected type" },
        { "ocsp_cache: {save_interval: -3}", "" },
        { "ocsp_cache: {}", "" },
        { "ocsp_cache: true", "" },
        { "ocsp_cache: false", "" },
        { "ocsp_cache: {SAVE_interval: \"1ms\", Type: NONE, local_store: \"\"}", "" },
        { "tls { cert_store: 5 }", "F:1:6: expected 'cert_store' to be a valid non-empty string" },
        { "tls { cert_store: \"x\" }", "F:1:6: cert store type not implemented" },
        { "tls { cert_store: \"WindowsCurrentUser\" }",
                "F:1:6: cert_store not compatible with current operating system" },
        { "tls { cert_match_by: \"x\" }", "F:1:6: cert match by type not implemented" },
        { "tls { cert_match_by: 5 }",
                "F:1:6: expected 'cert_match_by' to be a valid non-empty string" },
        { "tls { cert_match: 5 }", "F:1:6: expected 'cert_match' to be a valid non-empty string" },
        { "tls { ca_certs_match: [5 ] }",
                "F:1:6: error parsing ca_cert_match: unsupported type *conf.token where string is expected" },
        { "tls { ca_certs_match: 5 }", "" },
        { "tls { cert_match_skip_invalid: 5 }",
                "F:1:6: expected 'cert_match_skip_invalid' to be a boolean" },
        { "tls { CERT_FILE: \"cert.pem\", Key_File: \"key.pem\" }", "" },
        { "allow_non_tls: 5", "F:1:0: wrong type: expected a boolean, got an integer" },
        { "allow_non_tls: false", "" },
        { "proxy_protocol: false", "" },
        { "proxy_protocol: \"x\"",
                "F:1:0: wrong type: expected a boolean, got a string" },
        { "jetstream: false", "" },
        { "jetstream: disabled", "" },
        { "no_auth_user: 5", "F:1:0: wrong type: expected a string, got an integer" },
        { "no_auth_user: \"\"", "" },
        { "system_account: 5", "F:1:0: system account name must be a string" },
        { "System_Account: foo", "" },
        { "no_sys_acc: false", "" },
        { "ocsp: false", "" },
        { "ocsp: true", "" },
        { "ocsp {}", "" },
        { "ocsp { mode: MUST, url: 'http://x' }", "" },
        { "ocsp: 5", "F:1:0: error parsing ocsp config: unsupported type int64" },
        { "ocsp: auto", "F:1:0: error parsing ocsp config: unsupported type string" },
        { "ocsp { mode: sometimes }",
                "F:1:7: error parsing ocsp config: unsupported ocsp mode string" },
        { "ocsp { Mode: must }", "F:1:7: error parsing ocsp config: unsupported field string" },
        { "ocsp { x: 1 }", "F:1:7: error parsing ocsp config: unsupported field string" },
        { "ocsp { mode: 5 }", "F:1:7: wrong type: expected a string, got an integer" },
        { "ocsp { url: [a] }", "F:1:7: wrong type: expected a string, got a list" },
        { "ocsp { urls: a }", "F:1:7: wrong type: expected a list, got a string" },
        { "store_dir: x", "" },
        { "store_dir: 5", "F:1:0: wrong type: expected a string, got an integer" },
        { "default_sentinel: 5", "F:1:0: wrong type: expected a string, got an integer" },
        { "prof_block_rate: x", "F:1:0: wrong type: expected an integer, got a string" },
        { "prof_block_rate: 0", "" },
        { "http_base_path: 5", "F:1:0: wrong type: expected a string, got an integer" },
        { "max_traced_msg_len: 1\ndebug: x\nhost: 5\nping_interval: 2",
                "F:4:1: invalid use of field \"ping_interval\": ping_interval should be converted to a duration\nF:2:1: wrong type: expected a boolean, got a string\nF:3:1: wrong type: expected a string, got an integer" },
        { "", "F: config has no values or is empty" },
        { "# c", "F: config has no values or is empty" },
        { "{}", "F: config has no values or is empty" },
        { "{port: \"x\"}\n", "F:1:1: wrong type: expected an integer, got a string" },
        { "  port: \"x\"", "F:1:2: wrong type: expected an integer, got a string" },
        { "\nhost: 5", "F:2:1: wrong type: expected a string, got an integer" },
        { "\n  m {a 1}", "F:2:3: unknown field \"m\"" },
        /* clang-format on */
};

static void test_reports(void **state)
{
        check_reports(same_as_reference, ARRAY_N(same_as_reference));
}

/* What the reference accepts and midge cannot serve yet. */
static const struct report_case later[] = {
        { "cluster { port: 5 }", "F:1:0: not supported yet: cluster" },
        { "\nCluster { port: 5 }", "F:2:1: not supported yet: Cluster" },
        { "cluster {}", "" },
        { "gateway {name: A}", "F:1:0: not supported yet: gateway" },
        { "leaf {port: 1}", "F:1:0: not supported yet: leaf" },
        { "jetstream: true", "F:1:0: not supported yet: jetstream" },
        { "jetstream {}", "F:1:0: not supported yet: jetstream" },
        { "jetstream: enabled", "F:1:0: not supported yet: jetstream" },
        { "ws {port: 1}", "F:1:0: not supported yet: ws" },
        { "mqtt {port: 1}", "F:1:0: not supported yet: mqtt" },
        { "accounts {A {}}", "F:1:0: not supported yet: accounts" },
        { "authorization {auth_callout {}}", "F:1:15: not supported yet: auth_callout" },
        { "maps {a: b}", "F:1:0: not supported yet: maps" },
        { "operator: x", "F:1:0: not supported yet: operator" },
        { "resolver: MEM", "F:1:0: not supported yet: resolver" },
        { "system_account: A", "F:1:0: not supported yet: system_account" },
        { "system: '$SYS'", "" },
        { "proxy_protocol: true", "F:1:0: not supported yet: proxy_protocol" },
        { "proxies {trusted: []}", "F:1:0: not supported yet: proxies" },
        { "prof_block_rate: 1", "F:1:0: not supported yet: prof_block_rate" },
        /* Beyond the reference. */
        { "ocsp { urls: ['http://a', 'http://b'] }", "" },
        { "ocsp { urls: [1] }", "F:1:14: wrong type: expected a string, got an integer" },
        { "loops: 257", "F:1:0: loops value is too big" },
        { "loops: -1", "F:1:0: loops value can not be negative" },
        { "crypto_threads: x", "F:1:0: wrong type: expected an integer, got a string" },
        { "pid_file: \"a\\x00b\"", "F:1:0: pid_file must not contain a NUL byte" },
        { "server_tags: \"a\\x00b\"", "F:1:0: server_tags must not contain a NUL byte" },
        { "server_tags: [a, \"\\x00\"]", "F:1:21: server_tags must not contain a NUL byte" },
        { "server_metadata { a: \"b\\x00\" }", "F:1:18: a must not contain a NUL byte" },
        { "ocsp { url: \"http://a\\x00b\" }", "F:1:7: url must not contain a NUL byte" },
        { "ocsp { urls: [\"http://a\\x00b\"] }", "F:1:18: url must not contain a NUL byte" },
        { "ocsp_cache { local_store: \"a\\x00b\" }",
                "F:1:13: local_store must not contain a NUL byte" },
        { "tls { x: 5\n cert_file: $x }", "F:1:6: error parsing tls config, unknown field \"x\"" },
};

static void test_later(void **state)
{
        check_reports(later, ARRAY_N(later));
}

/* Row 36: what an empty file means. */
static void test_defaults(void **state)
{
        struct options *opts = options_of("");
        assert_string_equal(opts->client.host, "0.0.0.0");
        assert_int_equal(opts->client.port, 4222);
        assert_null(opts->client.advertise);
        assert_string_equal(opts->server_name, "");
        assert_int_equal(opts->limits.max_connections, 65536);
        assert_int_equal(opts->limits.max_subscriptions, 0);
        assert_int_equal(opts->limits.max_sub_tokens, 0);
        assert_int_equal(opts->limits.max_control_line_bytes, 4096);
        assert_int_equal(opts->limits.max_payload_bytes, 1048576);
        assert_int_equal(opts->limits.max_pending_bytes, 67108864);
        assert_int_equal(opts->limits.max_closed_clients, 10000);
        assert_int_equal(opts->timing.ping_interval_ns, 120 * SEC);
        assert_int_equal(opts->timing.ping_max, 2);
        assert_int_equal(opts->timing.write_deadline_ns, 10 * SEC);
        assert_int_equal(opts->timing.write_timeout, WRITE_TIMEOUT_DEFAULT);
        assert_int_equal(opts->timing.auth_timeout_ns, 2 * SEC);
        assert_int_equal(opts->timing.lame_duck_duration_ns, 120 * SEC);
        assert_int_equal(opts->timing.lame_duck_grace_ns, 10 * SEC);
        assert_true(opts->log.time);
        assert_false(opts->log.debug || opts->log.trace || opts->log.syslog || opts->log.time_utc);
        assert_null(opts->log.file);
        assert_null(opts->log.remote_syslog);
        assert_string_equal(opts->monitor.host, "0.0.0.0");
        assert_int_equal(opts->monitor.http_port, 0);
        assert_string_equal(opts->monitor.base_path, "");
        assert_false(opts->tls.enabled);
        assert_int_equal(opts->tls.timeout_ns, 2 * SEC);
        assert_int_equal(opts->connect_error_reports, 3600);
        assert_int_equal(opts->reconnect_error_reports, 1);
        assert_string_equal(opts->pid_file, "");
        assert_string_equal(opts->ports_file_dir, "");
        assert_string_equal(opts->config_digest, "");
        assert_int_equal(opts->loop_n, 0);
        options_free(opts);
}

/* Row 37: every supported option. */
static void test_members(void **state)
{
        struct options *opts = options_of(
                "listen: \"[::1]:4333\"; client_advertise: a.b:1; server_name: S; debug: on\n"
                "trace_headers: true; max_traced_msg_len: 7; logtime: false; logtime_utc: yes\n"
                "logfile: /l; logfile_size_limit: 1mb; logfile_max_num: 3; syslog: true\n"
                "remote_syslog: \"udp://h:1\"; pidfile: /p; ports_file_dir: /d; prof_port: -1\n"
                "http: 8222; http_base_path: nats; max_conn: 0; max_subs: 9; max_sub_tokens: 8\n"
                "max_control_line: 2kb; max_payload: 1k; max_pending: 10MB; max_closed_clients: 5\n"
                "ping_interval: \"3s\"; ping_max: 4; write_deadline: 500ms; write_timeout: retry\n"
                "no_fast_producer_stall: true; lame_duck_duration: 40s; lame_duck_grace_period: "
                "0s\n"
                "connect_error_reports: 6; reconnect_error_reports: 7; no_sublist_cache: true\n"
                "no_header_support: true; no_sys_acc: true; server_tags: [\" B \", a, b ]\n"
                "server_metadata {z: 1x, a: 'y y'}; feature_flags {q: true, c: false}\n"
                "loops: 2; crypto_threads: 3");
        assert_string_equal(opts->client.host, "::1");
        assert_int_equal(opts->client.port, 4333);
        assert_string_equal(opts->client.advertise, "a.b:1");
        assert_string_equal(opts->server_name, "S");
        assert_true(opts->log.debug && opts->log.trace && opts->log.trace_headers);
        assert_false(opts->log.trace_verbose || opts->log.time);
        assert_true(opts->log.time_utc && opts->log.syslog);
        assert_int_equal(opts->log.max_traced_msg_len, 7);
        assert_string_equal(opts->log.file, "/l");
        assert_int_equal(opts->log.size_limit_bytes, 1048576);
        assert_int_equal(opts->log.max_files, 3);
        assert_string_equal(opts->log.remote_syslog, "udp://h:1");
        assert_string_equal(opts->pid_file, "/p");
        assert_string_equal(opts->ports_file_dir, "/d");
        assert_int_equal(opts->prof_port, -1);
        assert_string_equal(opts->monitor.host, "::1"); /* row 40: follows the client host */
        assert_int_equal(opts->monitor.http_port, 8222);
        assert_string_equal(opts->monitor.base_path, "nats");
        assert_int_equal(opts->limits.max_connections, -1);
        assert_int_equal(opts->limits.max_subscriptions, 9);
        assert_int_equal(opts->limits.max_sub_tokens, 8);
        assert_int_equal(opts->limits.max_control_line_bytes, 2048);
        assert_int_equal(opts->limits.max_payload_bytes, 1000);
        assert_int_equal(opts->limits.max_pending_bytes, 10485760);
        assert_int_equal(opts->limits.max_closed_clients, 5);
        assert_int_equal(opts->timing.ping_interval_ns, 3 * SEC);
        assert_int_equal(opts->timing.ping_max, 4);
        assert_int_equal(opts->timing.write_deadline_ns, SEC / 2);
        assert_int_equal(opts->timing.write_timeout, WRITE_TIMEOUT_RETRY);
        assert_true(opts->no_fast_producer_stall && opts->disable_sublist_cache);
        assert_true(opts->no_header_support && opts->no_system_account);
        assert_int_equal(opts->timing.lame_duck_duration_ns, 40 * SEC);
        assert_int_equal(opts->timing.lame_duck_grace_ns, 10 * SEC); /* 0 is the default */
        assert_int_equal(opts->connect_error_reports, 6);
        assert_int_equal(opts->reconnect_error_reports, 7);
        assert_int_equal(opts->about.tag_n, 2);
        assert_string_equal(opts->about.tags[0], "b");
        assert_string_equal(opts->about.tags[1], "a");
        assert_int_equal(opts->about.metadata_n, 2);
        assert_string_equal(opts->about.keys[0], "a");
        assert_string_equal(opts->about.values[0], "y y");
        assert_int_equal(opts->features.n, 2);
        assert_string_equal(opts->features.names[0], "c");
        assert_false(opts->features.on[0]);
        assert_true(opts->features.on[1]);
        assert_int_equal(opts->loop_n, 2);
        assert_int_equal(opts->crypto_thread_n, 3);
        options_free(opts);
}

static void test_values(void **state)
{
        struct options *opts =
                options_of("ping_interval: 5; PORT: -1; trace_verbose: on; http: \"h:-1\"");
        assert_int_equal(opts->timing.ping_interval_ns, 5 * SEC); /* row 42: with a warning */
        assert_int_equal(opts->client.port, -1);                  /* row 38 */
        assert_true(opts->log.trace && opts->log.trace_verbose);
        assert_string_equal(opts->monitor.host, "h");
        assert_int_equal(opts->monitor.http_port, -1);
        options_free(opts);
        opts = options_of("trace: true; trace_verbose: off"); /* the later one sets trace as well */
        assert_false(opts->log.trace);
        options_free(opts);
        opts = options_of("port: 99999999999; max_payload: -1");
        assert_int_equal(opts->client.port, INT32_MAX);
        assert_int_equal(opts->limits.max_payload_bytes, -1);
        options_free(opts);
}

static void test_tls(void **state)
{
        struct options *opts =
                options_of("\n tls { cert_file: c, key_file: k, ca_file: a, verify: true\n"
                           " timeout: 1.5, min_version: '1.3', first: auto }");
        assert_true(opts->tls.enabled && opts->tls.verify && opts->tls.handshake_first);
        assert_int_equal(opts->tls.pair_n, 1);
        assert_string_equal(opts->tls.pairs[0].cert_file, "c");
        assert_string_equal(opts->tls.pairs[0].key_file, "k");
        assert_string_equal(opts->tls.ca_file, "a");
        assert_int_equal(opts->tls.timeout_ns, SEC * 3 / 2);
        assert_int_equal(opts->timing.auth_timeout_ns, SEC * 5 / 2); /* row 44 */
        assert_int_equal(opts->tls.first_fallback_ns, SEC / 20);
        assert_int_equal(opts->tls.min_version, TLS_VERSION_1_3);
        assert_string_equal(opts->tls.position, "F:2:2");
        options_free(opts);
        opts = options_of(
                "tls { certs: [{cert_file: a, key_file: b}, {key_file: d, cert_file: c}]\n"
                "first: '-1s' }");
        assert_int_equal(opts->tls.pair_n, 2);
        assert_string_equal(opts->tls.pairs[1].cert_file, "c");
        assert_string_equal(opts->tls.pairs[1].key_file, "d");
        assert_true(opts->tls.handshake_first);
        assert_int_equal(opts->tls.first_fallback_ns, 0);
        assert_int_equal(opts->tls.timeout_ns, 2 * SEC);
        assert_null(opts->tls.ca_file);
        options_free(opts);
        /* The last of several names counts, alone; mapping means verify whatever stands beside it. */
        opts = options_of("tls { first: auto, immediate: true }");
        assert_true(opts->tls.handshake_first);
        assert_int_equal(opts->tls.first_fallback_ns, 0);
        options_free(opts);
        opts = options_of("tls { first: true, handshake_first: off }");
        assert_false(opts->tls.handshake_first);
        options_free(opts);
        opts = options_of("tls { verify_and_map: true, verify: false }");
        assert_true(opts->tls.verify && opts->tls.map);
        options_free(opts);

        opts = options_of("tls {}");
        assert_true(opts->tls.enabled);
        assert_int_equal(opts->tls.pair_n, 0);
        assert_int_equal(opts->tls.min_version, TLS_VERSION_1_2);
        options_free(opts);
}

static void test_ocsp(void **state)
{
        struct options *opts = options_of("tls {}"); /* the cache is on when nobody speaks of it */
        assert_false(opts->tls.ocsp_peer.verify);
        assert_int_equal(opts->ocsp_cache.type, OCSP_CACHE_LOCAL);
        assert_string_equal(opts->ocsp_cache.local_store, "_rc_");
        assert_int_equal(opts->ocsp_cache.save_interval_ns, 300 * SEC);
        options_free(opts);
        opts = options_of("tls { ocsp_peer: true }; ocsp_cache: false");
        assert_true(opts->tls.ocsp_peer.verify);
        assert_int_equal(opts->tls.ocsp_peer.ca_timeout_ns, 2 * SEC);
        assert_int_equal(opts->tls.ocsp_peer.clock_skew_ns, 30 * SEC);
        assert_int_equal(opts->tls.ocsp_peer.default_ttl_ns, 3600 * SEC);
        assert_int_equal(opts->ocsp_cache.type, OCSP_CACHE_NONE);
        options_free(opts);
        opts = options_of("tls { ocsp_peer: { verify: on, ca_timeout: 0, allowed_clockskew: 0, "
                          "warn_only: on,\n"
                          " cache_ttl_when_next_update_unset: '90s', unknown_is_good: on,\n"
                          " allow_when_ca_unreachable: on } }\n"
                          "ocsp_cache: { type: Local, local_store: \"x/y\", preserve_revoked: on,\n"
                          " save_interval: 2.9 }");
        assert_true(opts->tls.ocsp_peer.verify && opts->tls.ocsp_peer.warn_only);
        assert_true(opts->tls.ocsp_peer.unknown_is_good);
        assert_true(opts->tls.ocsp_peer.allow_when_ca_unreachable);
        assert_int_equal(opts->tls.ocsp_peer.ca_timeout_ns, 2 * SEC); /* 0: the default */
        assert_int_equal(opts->tls.ocsp_peer.clock_skew_ns, 0);
        assert_int_equal(opts->tls.ocsp_peer.default_ttl_ns, 90 * SEC);
        assert_string_equal(opts->ocsp_cache.local_store, "x/y");
        assert_true(opts->ocsp_cache.preserve_revoked);
        assert_int_equal(opts->ocsp_cache.save_interval_ns, 2 * SEC);
        options_free(opts);
        opts = options_of("tls { ocsp_peer: { ca_timeout: -1, allowed_clockskew: -1 } }\n"
                          "ocsp_cache: { save_interval: 0.2, local_store: \"\" }");
        assert_false(opts->tls.ocsp_peer.verify);
        assert_int_equal(opts->tls.ocsp_peer.ca_timeout_ns, 2 * SEC);
        assert_int_equal(opts->tls.ocsp_peer.clock_skew_ns, 30 * SEC);
        assert_int_equal(opts->ocsp_cache.save_interval_ns, SEC);
        assert_string_equal(opts->ocsp_cache.local_store, "_rc_");
        options_free(opts);
}

static void test_validate(void **state)
{
        static const struct report_case cases[] = {
                { "", "" },
                { "tls { ocsp_peer: true }",
                        "OCSP peer verification for client connections requires TLS verify (mTLS) "
                        "to be enabled" },
                { "tls { ocsp_peer: true, verify: true }", "" },
                { "tls { ocsp_peer: {} }", "" },
                { "lame_duck_duration: 30s; lame_duck_grace_period: 30s",
                        "lame duck grace period (30s) should be strictly lower than lame duck "
                        "duration "
                        "(30s)" },
                { "max_payload: 65mb",
                        "max_payload (68157440) cannot be higher than max_pending (67108864)" },
                { "http: 1; https: 2",
                        "Can't start monitoring: can't specify both HTTP (1) and HTTPs (2) ports" },
                { "https: 2", "Can't start monitoring: TLS cert and key required for HTTPS" },
                { "https: 2; tls {}", "" },
        };
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                struct options *opts = options_of(cases[i].text);
                struct errbuf eb = { "" };
                int rc = options_validate(opts, &eb);
                if (rc == 0)
                        rc = options_validate_monitor(opts, &eb);
                assert_string_equal(eb.text, cases[i].want);
                assert_int_equal(rc, cases[i].want[0] ? ERR_CONFIG : 0);
                options_free(opts);
        }
}

/* Row 34: everything at once, warnings first. */
static void test_many(void **state)
{
        static const struct report_case cases[] = {
                { "host: 1\nping_interval: 2\nbogus: 3\nwrite_deadline: 4\nport: x",
                        "F:2:1: invalid use of field \"ping_interval\": ping_interval should be "
                        "converted "
                        "to a duration\n"
                        "F:4:1: invalid use of field \"write_deadline\": write_deadline should be "
                        "converted "
                        "to a duration\n"
                        "F:1:0: wrong type: expected a string, got an integer\n"
                        "F:3:1: unknown field \"bogus\"\n"
                        "F:5:1: wrong type: expected an integer, got a string" },
        };
        check_reports(cases, ARRAY_N(cases));
}

static void test_durations(void **state)
{
        static const struct {
                const char *text;
                int64_t ns;
        } good[] = { { "0", 0 }, { "-0", 0 }, { "1ns", 1 }, { "1us", 1000 }, { "1\xc2\xb5s", 1000 },
                { "1\xce\xbcs", 1000 }, { "1.5ms", 1500000 }, { "+2s", 2 * SEC },
                { "-1m30s", -90 * SEC }, { ".5h", 1800 * SEC },
                { "2540400h10m10.000000000s", INT64_C(9145440610000000000) },
                { "0.100000000000000000000h", 360 * SEC }, { "-9223372036854775808ns", INT64_MIN },
                { "0.9223372036854775807h", 3320413933267 } };
        static const char *const bad[] = { "", "3", "-", "s", ".", "-.", ".s", "+.s", "1d",
                "3000000h", "9223372036854775808ns", "9223372036854775.808us", "1\x85",
                "-9223372036854775809ns" };
        int64_t ns;
        for (size_t i = 0; i < ARRAY_N(good); i++) {
                assert_int_equal(number_duration(slice_str(good[i].text), &ns, NULL), 0);
                assert_int_equal(ns, good[i].ns);
        }
        for (size_t i = 0; i < ARRAY_N(bad); i++)
                if (number_duration(slice_str(bad[i]), &ns, NULL) == 0)
                        fail_msg("%s: %lld", bad[i], (long long)ns);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reports),
                cmocka_unit_test(test_later),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_tls),
                cmocka_unit_test(test_ocsp),
                cmocka_unit_test(test_validate),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_durations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
