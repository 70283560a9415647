/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The put, as the server runs it: all checks first, then one write, since a script that fails does
 * not take back what it wrote. Needs Redis 6.2 (PXAT).
 *
 *   KEYS[1]  the record's key
 *   ARGV     1 expected version (16 bytes; empty: there must be no record), 2 the new value,
 *            3 not after (Unix ms), 4 expires at (Unix ms), 5 channel, 6 realm
 *   answer   { 0 done | 1 conflict | 2 too late, the server's time in ms }
 *
 * The version is the value's first 16 bytes; what is shorter counts as if zeros followed. PUBLISH
 * only hints, so its failure (no right to the channel) is not the put's.
 */
#ifndef STEKD_STORE_REDIS_SCRIPT_H
#define STEKD_STORE_REDIS_SCRIPT_H

enum redis_script_answer {
    REDIS_SCRIPT_DONE = 0,
    REDIS_SCRIPT_CONFLICT = 1,
    REDIS_SCRIPT_LATE = 2,
};

#define REDIS_SCRIPT_PUT                                                                           \
    "local time = redis.call('TIME')\n"                                                            \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"                                    \
    "if now > tonumber(ARGV[3]) then return {2, now} end\n"                                        \
    "local held = redis.call('GETRANGE', KEYS[1], 0, 15)\n"                                        \
    "if #held > 0 and #held < 16 then held = held .. string.rep('\\0', 16 - #held) end\n"          \
    "if held ~= ARGV[1] then return {1, now} end\n"                                                \
    "local expires = ARGV[4]\n"                                                                    \
    "if tonumber(expires) <= now then expires = string.format('%.0f', now + 1) end\n"              \
    "redis.call('SET', KEYS[1], ARGV[2], 'PXAT', expires)\n"                                       \
    "redis.pcall('PUBLISH', ARGV[5], ARGV[6])\n"                                                   \
    "return {0, now}\n"

#endif
