/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations against what a peer may bring: who gets in, as whom, and who does not; then what a reload
 * makes of those who are in. */
#include "auth/auth.h"
#include "account/registry.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/text.h"
#include "conf/load.h"
#include "net/crypto_pool.h"
#include "net/loop.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* "U*U" with the smallest cost */
#define HASH "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static struct registry *registry;
static struct crypto_pool *pool;
static char alice[NKEY_TEXT_SIZE], bob[NKEY_TEXT_SIZE]; /* public keys */
static EVP_PKEY *alice_key;
static const char nonce[] = "0123456789abcde";
static char alice_sig[100], padded_sig[100];

static struct auth *auth_of(const char *text)
{
        struct buf warnings = { 0 }, errors = { 0 };
        struct options *opts = options_read_text(slice_str(text), "F", &warnings, &errors);
        if (opts == NULL || errors.len > 0)
                fail_msg("%s: %.*s", text, SLICE_ARG(buf_slice(&errors)));
        struct auth *auth = auth_new(&opts->auth, registry);
        options_free(opts);
        buf_fini(&warnings);
        return auth;
}

/* ---- asking ------------------------------------------------------------------------------ */

static struct loop *loop;
static struct auth_result answer;
static char answered_name[80];
static _Atomic bool gone;

static void remember(const struct auth_result *result)
{
        answer = *result;
        snprintf(
                answered_name, sizeof answered_name, "%s", result->user ? result->user->name : "-");
}

static void on_done(void *ctx, const struct auth_result *result)
{
        assert_ptr_equal(ctx, &answer);
        remember(result);
        loop_stop(loop);
}

static enum auth_verdict ask(struct auth *auth, const struct auth_request *request)
{
        const struct auth_async async = {
                .pool = pool, .loop = loop, .gone = &gone, .done = on_done, .ctx = &answer
        };
        struct auth_result result = auth_check(auth, request, &async);
        if (result.verdict == AUTH_PENDING) {
                rcu_thread_stop(); /* the loop does for its thread what main() did */
                loop_run(loop);
                rcu_thread_start();
        } else {
                remember(&result);
        }
        return answer.verdict;
}

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

struct login {
        const char *user, *pass, *token, *nkey, *sig;
        enum connection_type type;
};

static struct auth_request request_of(const struct login *login)
{
        return (struct auth_request){
                .user = or_empty(login->user),
                .pass = or_empty(login->pass),
                .token = or_empty(login->token),
                .nkey = or_empty(login->nkey),
                .sig = or_empty(login->sig),
                .nonce = nonce,
                .type = login->type,
        };
}

struct login_case {
        const char *config;
        struct login login;
        enum auth_verdict verdict;
        const char *name; /* "-": nobody in particular */
};

#define USERS                                                                                      \
        "authorization { users: [ {user: a, password: b}, {user: h, password: '" HASH "'}, "       \
        "{user: web, password: w, clients: [websocket]}, "                                         \
        "{user: proxied, password: p, proxy_required: true}, {user: bare} ] }"
#define SINGLE "authorization { user: a, password: b }"
#define TOKEN "authorization { token: t }"
#define NKEYS "authorization { users: [ {nkey: %s}, {user: a, password: b} ] }"

static const struct login_case cases[] = {
        { "debug: true", { 0 }, AUTH_OK, "-" },
        { "debug: true", { .user = "x", .pass = "y" }, AUTH_OK, "-" },
        { "authorization {}", { 0 }, AUTH_OK, "-" },
        { "authorization { users: [] }", { 0 }, AUTH_OK, "-" },
        { "authorization { password: b }", { 0 }, AUTH_OK, "-" },
        /* one user */
        { SINGLE, { .user = "a", .pass = "b" }, AUTH_OK, "a" },
        { SINGLE, { .user = "a", .pass = "c" }, AUTH_WRONG, "-" },
        { SINGLE, { .user = "a", .pass = "" }, AUTH_WRONG, "-" },
        { SINGLE, { .user = "b", .pass = "b" }, AUTH_WRONG, "-" },
        { SINGLE, { .token = "b" }, AUTH_WRONG, "-" },
        { SINGLE, { 0 }, AUTH_WRONG, "-" },
        { SINGLE, { .user = "a", .pass = "b", .type = CONNECTION_MQTT }, AUTH_OK, "a" },
        { "authorization { user: a, pass: '" HASH "' }", { .user = "a", .pass = "U*U" }, AUTH_OK,
                "a" },
        { "authorization { user: a, pass: '" HASH "' }", { .user = "a", .pass = "U*" }, AUTH_WRONG,
                "-" },
        { "authorization { user: a, pass: '" HASH "' }", { .user = "a", .pass = HASH }, AUTH_WRONG,
                "-" },
        { "authorization { user: a, pass: b, proxy_required: true }", { .user = "a", .pass = "b" },
                AUTH_PROXY_REQUIRED, "-" },
        /* a token */
        { TOKEN, { .token = "t" }, AUTH_OK, "" },
        { TOKEN, { .user = "any", .token = "t" }, AUTH_OK, "" },
        { TOKEN, { .token = "u" }, AUTH_WRONG, "-" },
        { TOKEN, { .user = "t", .pass = "t" }, AUTH_WRONG, "-" },
        { TOKEN, { 0 }, AUTH_WRONG, "-" },
        { "authorization { token: '" HASH "' }", { .token = "U*U" }, AUTH_OK, "" },
        { "authorization { token: '" HASH "' }", { .token = "U*U*" }, AUTH_WRONG, "-" },
        /* many users */
        { USERS, { .user = "a", .pass = "b" }, AUTH_OK, "a" },
        { USERS, { .user = "h", .pass = "U*U" }, AUTH_OK, "h" },
        { USERS, { .user = "h", .pass = "b" }, AUTH_WRONG, "-" },
        { USERS, { .user = "a", .pass = "w" }, AUTH_WRONG, "-" },
        { USERS, { .user = "nobody", .pass = "b" }, AUTH_WRONG, "-" },
        { USERS, { .pass = "b" }, AUTH_WRONG, "-" },
        { USERS, { .token = "b" }, AUTH_WRONG, "-" },
        { USERS, { 0 }, AUTH_WRONG, "-" },
        { USERS, { .user = "web", .pass = "w" }, AUTH_WRONG, "-" },
        { USERS, { .user = "web", .pass = "w", .type = CONNECTION_WEBSOCKET }, AUTH_OK, "web" },
        { USERS, { .user = "web", .pass = "x", .type = CONNECTION_WEBSOCKET }, AUTH_WRONG, "-" },
        { USERS, { .user = "proxied", .pass = "p" }, AUTH_PROXY_REQUIRED, "-" },
        { USERS, { .user = "bare" }, AUTH_OK, "bare" },
        { USERS, { .user = "bare", .pass = "x" }, AUTH_WRONG, "-" },
        { USERS, { .user = "a", .pass = "b", .nkey = "UX", .sig = "x" }, AUTH_OK, "a" },
        /* nkeys */
        { NKEYS, { .nkey = alice, .sig = alice_sig }, AUTH_OK, alice },
        { NKEYS, { .nkey = alice, .sig = padded_sig }, AUTH_OK, alice },
        { NKEYS, { .nkey = alice }, AUTH_WRONG, "-" },
        { NKEYS, { .nkey = alice, .sig = "!" }, AUTH_WRONG, "-" },
        { NKEYS, { .nkey = alice, .sig = nonce }, AUTH_WRONG, "-" },
        { NKEYS, { .nkey = bob, .sig = alice_sig }, AUTH_WRONG, "-" },
        { NKEYS, { .nkey = bob, .user = "a", .pass = "b" }, AUTH_WRONG, "-" },
        { NKEYS, { .user = "a", .pass = "b" }, AUTH_OK, "a" },
        { NKEYS, { .user = alice }, AUTH_WRONG, "-" },
        { NKEYS, { 0 }, AUTH_WRONG, "-" },
        /* whoever brings nothing */
        { USERS "\nno_auth_user: a", { 0 }, AUTH_OK, "a" },
        { USERS "\nno_auth_user: h", { 0 }, AUTH_OK, "h" },
        { USERS "\nno_auth_user: a", { .user = "a", .pass = "x" }, AUTH_WRONG, "-" },
        { USERS "\nno_auth_user: a", { .user = "h", .pass = "U*U" }, AUTH_OK, "h" },
        { USERS "\nno_auth_user: a", { .token = "x" }, AUTH_WRONG, "-" },
        { USERS "\nno_auth_user: a", { .pass = "x" }, AUTH_WRONG, "-" },
        { USERS "\nno_auth_user: web", { 0 }, AUTH_WRONG, "-" },
        { USERS "\nno_auth_user: proxied", { 0 }, AUTH_PROXY_REQUIRED, "-" },
        { NKEYS "\nno_auth_user: a", { 0 }, AUTH_OK, "a" },
        { NKEYS "\nno_auth_user: %s", { 0 }, AUTH_OK, alice },
        { NKEYS "\nno_auth_user: %s", { .nkey = alice }, AUTH_OK, alice },
        { NKEYS "\nno_auth_user: %s", { .user = "a", .pass = "c" }, AUTH_WRONG, "-" },
};

/* %s stands for the key of alice. */
static char *with_key(const char *config)
{
        struct buf text = { 0 };
        for (const char *at = config; *at; at++) {
                if (at[0] != '%') {
                        buf_append_char(&text, *at);
                        continue;
                }
                buf_append_str(&text, alice);
                at++;
        }
        return buf_take_str(&text);
}

static void lets_in_whom_it_should(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_N(cases); i++) {
                char *config = with_key(cases[i].config);
                struct auth *auth = auth_of(config);
                const struct auth_request request = request_of(&cases[i].login);
                enum auth_verdict verdict = ask(auth, &request);
                if (verdict != cases[i].verdict || strcmp(answered_name, cases[i].name) != 0)
                        fail_msg("case %zu: %s: %d %s", i, config, verdict, answered_name);
                auth_unref(auth);
                xfree(config);
        }
}

/* The nonce is the server's: another one, or none, proves nothing. */
static void signatures_are_over_the_nonce(void **state)
{
        char config[300];
        (void)state;
        snprintf(config, sizeof config, "authorization { users: [ {nkey: %s} ] }", alice);
        struct auth *auth = auth_of(config);
        struct auth_request request =
                request_of(&(struct login){ .nkey = alice, .sig = alice_sig });
        assert_true(auth_wants_nonce(auth));
        assert_int_equal(ask(auth, &request), AUTH_OK);
        request.nonce = "0123456789abcdf";
        assert_int_equal(ask(auth, &request), AUTH_WRONG);
        assert_string_equal(answer.why, "Signature not verified");
        request.nonce = "";
        assert_int_equal(ask(auth, &request), AUTH_WRONG);
        auth_unref(auth);
}

/* Nobody computes for a peer that left. */
static void whoever_left_is_not_proved(void **state)
{
        (void)state;
        struct auth *auth = auth_of("authorization { user: a, pass: '" HASH "' }");
        const struct auth_request request =
                request_of(&(struct login){ .user = "a", .pass = "U*U" });
        atomic_store(&gone, true);
        assert_int_equal(ask(auth, &request), AUTH_WRONG);
        atomic_store(&gone, false);
        assert_int_equal(ask(auth, &request), AUTH_OK);
        auth_unref(auth);
}

static void users_share_default_permissions(void **state)
{
        (void)state;
        struct auth *auth = auth_of("authorization { default_permissions { publish: x }\n"
                                    "users: [ {user: a}, {user: b, permissions { publish: y }}, "
                                    "{user: c}, {user: d} ] }");
        const struct auth_user *user[4];
        for (int i = 0; i < 4; i++) {
                char name[2] = { (char)('a' + i), '\0' };
                const struct auth_request request = request_of(&(struct login){ .user = name });
                assert_int_equal(ask(auth, &request), AUTH_OK);
                user[i] = answer.user;
                assert_non_null(user[i]->permit);
        }
        assert_ptr_equal(user[2]->permit, user[3]->permit);
        assert_ptr_not_equal(user[0]->permit, user[1]->permit);
        auth_unref(auth);
}

/* With certificates that name users, somebody without a password cannot come in by his name alone
 * (725f0081f of the lessons); whoever has one still can. */
static void a_user_for_certificates_has_no_password(void **state)
{
        static const struct user_options listed[] = {
                { .name = "cert", .password = "" },
                { .name = "both", .password = "b" },
                { .name = "ws", .password = "", .connection_types = 1u << CONNECTION_WEBSOCKET },
                { .name = "guest", .password = "" },
        };
        static const struct {
                struct login login;
                enum auth_verdict verdict, without_map;
        } logins[] = {
                { { .user = "cert" }, AUTH_WRONG, AUTH_OK },
                { { .user = "cert", .pass = "x" }, AUTH_WRONG, AUTH_WRONG },
                { { .user = "both", .pass = "b" }, AUTH_OK, AUTH_OK },
                { { .user = "both" }, AUTH_WRONG, AUTH_WRONG },
                { { .user = "ws", .type = CONNECTION_WEBSOCKET }, AUTH_OK, AUTH_OK },
                { { .user = "guest" }, AUTH_OK, AUTH_OK },
                { { 0 }, AUTH_OK, AUTH_OK },
        };
        struct auth_options opts = {
                .user = "",
                .password = "",
                .token = "",
                .users = listed,
                .user_n = 4,
                .no_auth_user = "guest",
        };
        (void)state;
        for (int map = 0; map < 2; map++) {
                opts.tls_map = map;
                struct auth *auth = auth_new(&opts, registry);
                assert_int_equal(auth_maps_certs(auth), map);
                for (size_t i = 0; i < ARRAY_N(logins); i++) {
                        struct auth_request request = request_of(&logins[i].login);
                        struct buf notes = { 0 };
                        request.notes = &notes;
                        assert_int_equal(ask(auth, &request),
                                map ? logins[i].verdict : logins[i].without_map);
                        bool told = map && strcmp(request.user, "cert") == 0;
                        assert_true(slice_eq_str(buf_slice(&notes),
                                told ? "User \"cert\" requires a client certificate" : ""));
                        buf_fini(&notes);
                }
                auth_unref(auth);
        }
}

/* Where the listener maps, the certificate decides: no name, no guest, no plaintext. */
static void a_mapping_listener_asks_for_the_certificate(void **state)
{
        struct user_options listed[] = {
                { .name = "guest", .password = "" },
                { .name = "both", .password = "b" },
        };
        struct auth_options opts = { .user = "",
                .password = "",
                .token = "",
                .users = listed,
                .user_n = 2,
                .no_auth_user = "guest",
                .tls_map = true };
        const struct login logins[] = { { 0 }, { .user = "guest" },
                { .user = "both", .pass = "b" } };
        (void)state;
        struct auth *auth = auth_new(&opts, registry);
        for (size_t i = 0; i < ARRAY_N(logins); i++) {
                struct auth_request request = request_of(&logins[i]);
                struct buf notes = { 0 };
                request.by_cert = true;
                request.notes = &notes;
                assert_int_equal(ask(auth, &request), AUTH_WRONG);
                assert_true(slice_eq_str(
                        buf_slice(&notes), "User required in cert, no TLS connection state"));
                buf_clear(&notes);
                request.tls = true;
                assert_int_equal(ask(auth, &request), AUTH_WRONG);
                assert_true(slice_eq_str(
                        buf_slice(&notes), "User required in cert, no peer certificates found"));
                buf_fini(&notes);
        }
        auth_unref(auth);
}

/* ---- reload ------------------------------------------------------------------------------ */

static const struct {
        const char *before;
        struct login login;
        const char *after;
        enum auth_verdict verdict;
} reloads[] = {
        { "debug: true", { 0 }, "debug: true", AUTH_OK },
        { "debug: true", { 0 }, SINGLE, AUTH_WRONG },
        { SINGLE, { .user = "a", .pass = "b" }, "debug: true", AUTH_OK },
        { SINGLE, { .user = "a", .pass = "b" }, SINGLE, AUTH_OK },
        { SINGLE, { .user = "a", .pass = "b" }, "authorization { user: a, password: c }",
                AUTH_WRONG },
        { SINGLE, { .user = "a", .pass = "b" }, "authorization { user: c, password: b }",
                AUTH_WRONG },
        { SINGLE, { .user = "a", .pass = "b" }, TOKEN, AUTH_WRONG },
        { SINGLE, { .user = "a", .pass = "b" }, USERS, AUTH_OK },
        { TOKEN, { .token = "t" }, TOKEN, AUTH_OK },
        { TOKEN, { .token = "t" }, "authorization { token: u }", AUTH_WRONG },
        { TOKEN, { .token = "t" }, USERS, AUTH_GONE },
        { USERS, { .user = "h", .pass = "U*U" }, USERS, AUTH_OK },
        { USERS, { .user = "h", .pass = "U*U" }, SINGLE, AUTH_WRONG },
        { USERS, { .user = "h", .pass = "U*U" }, "authorization { users: [{user: a}] }",
                AUTH_GONE },
        { USERS, { .user = "bare" }, "authorization { users: [{user: bare, clients: mqtt}] }",
                AUTH_WRONG },
        { USERS, { .user = "bare" },
                "authorization { users: [{user: bare, proxy_required: true}] }",
                AUTH_PROXY_REQUIRED },
};

static void a_reload_keeps_whom_it_knows(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_N(reloads); i++) {
                struct auth *before = auth_of(reloads[i].before),
                            *after = auth_of(reloads[i].after);
                const struct auth_request request = request_of(&reloads[i].login);
                assert_int_equal(ask(before, &request), AUTH_OK);
                struct auth_result again = auth_again(after, answer.user, CONNECTION_STANDARD);
                if (again.verdict != reloads[i].verdict)
                        fail_msg("case %zu: %d", i, again.verdict);
                assert_true(again.user == NULL || again.user != answer.user);
                auth_unref(before);
                auth_unref(after);
        }
}

static void sign(void)
{
        static const uint8_t seed[NKEY_BYTES] = { 7 };
        uint8_t key[NKEY_BYTES], sig[NKEY_SIG_BYTES];
        size_t len = sizeof key, sig_len = sizeof sig;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        alice_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
        assert_int_equal(EVP_PKEY_get_raw_public_key(alice_key, key, &len), 1);
        nkey_encode(NKEY_USER, key, alice);
        nkey_fresh_name(NKEY_USER, bob);
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, alice_key), 1);
        assert_int_equal(
                EVP_DigestSign(ctx, sig, &sig_len, (const uint8_t *)nonce, strlen(nonce)), 1);
        text_base64url(sig, sizeof sig, alice_sig);
        text_base64(sig, sizeof sig, padded_sig);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(alice_key);
}

static int setup(void **state)
{
        (void)state;
        sign();
        registry = registry_new();
        pool = crypto_pool_new(1, 16);
        loop = loop_new(0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        crypto_pool_free(pool);
        loop_free(loop);
        rcu_barrier_wait();
        registry_free(registry);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lets_in_whom_it_should),
                cmocka_unit_test(signatures_are_over_the_nonce),
                cmocka_unit_test(whoever_left_is_not_proved),
                cmocka_unit_test(users_share_default_permissions),
                cmocka_unit_test(a_user_for_certificates_has_no_password),
                cmocka_unit_test(a_mapping_listener_asks_for_the_certificate),
                cmocka_unit_test(a_reload_keeps_whom_it_knows),
        };
        rcu_thread_start();
        int failed = cmocka_run_group_tests(tests, setup, teardown);
        rcu_thread_stop();
        return failed;
}
