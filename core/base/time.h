/* SPDX-License-Identifier: MIT
 * time.h — instants in ns since the Unix epoch, UTC, and how people write them.
 * May touch: nothing but its arguments (no clock, no time zone database). Standard: RFC 3339.
 */
#ifndef RN_BASE_TIME_H
#define RN_BASE_TIME_H

#include <runnel/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_NS_US INT64_C(1000)
#define RN_NS_MS INT64_C(1000000)
#define RN_NS_S INT64_C(1000000000)

#define RN_TIME_TEXT 40u /* room for any text that rn_time_format writes */

/* Writes an instant as RFC 3339 in UTC: "1958-03-01T00:00:00Z", with as many digits of a second's
 * fraction as are not zero. Exact for the whole int64_t range (years 1677 to 2262). Returns `out`. */
char *rn_time_format(int64_t ns, char out[RN_TIME_TEXT]);

/* Reads an instant as people write it: RFC 3339 ("2012-01-01T00:00:00.5+01:00"; a blank may stand for
 * the T), a bare date (midnight UTC), a date and time without zone (UTC), "now", "now-1h", "now+90s",
 * or a count of ns ("-1234"). `now` is the wall clock. 0, or -RUNNEL_EINVALID with what was found
 * and what is wanted. Leap second 60 (the last of a day in UTC) counts as 59.999999999. */
int rn_time_parse(const char *s, size_t n, int64_t now, int64_t *out, struct runnel_err *err);

/* Reads a duration: an integer or decimal, perhaps negative, and a unit (ns us ms s m h d w); no unit
 * and what is no whole number of ns are refused. rn_duration_format writes an integer and the largest
 * unit that is exact ("90s", "250ms"). */
int rn_duration_parse(const char *s, size_t n, int64_t *out, struct runnel_err *err);
char *rn_duration_format(int64_t ns, char out[RN_TIME_TEXT]);

/* Reads a size: an integer and a unit (none, KiB, MiB, GiB, TiB). */
int rn_size_parse(const char *s, size_t n, int64_t *out, struct runnel_err *err);
char *rn_size_format(int64_t bytes, char out[RN_TIME_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
