/* SPDX-License-Identifier: Apache-2.0 */
/* number.h: texts that stand for numbers: sizes, dates, Go durations, host:port. */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* "[-]digits[suffix]" as the lexer delivers it, suffix k kb ki kib m … e eib (1000s and 1024s).
 * A product beyond 64 bits wraps, as in the reference. ERR_RANGE: the digits do not fit. */
MUST_CHECK int number_integer(struct slice text, int64_t *out);
/* "[-]digits.digits"; ERR_RANGE when it is infinite. */
MUST_CHECK int number_float(struct slice text, double *out);
/* The calendar half of YYYY-MM-DDTHH:MM:SSZ, whose shape is known. */
bool number_date_ok(struct slice text);
/* Decimal with an optional sign, as Go's Atoi. */
bool number_atoi(struct slice text, int64_t *out);

/* Go's duration: [+-]? (digits[.digits] unit)+ or "0"; units ns us µs ms s m h. The sentence is
 * Go's. */
MUST_CHECK int number_duration(struct slice text, int64_t *ns, struct errbuf *eb);

/* Nanoseconds of so many seconds, the nearest; what does not fit is the largest or the smallest number. */
int64_t number_seconds(double seconds);

/* host:port, [host]:port, :port. False: not of that shape. The parts are borrowed from text. */
bool number_host_port(struct slice text, struct slice *host, struct slice *port);
