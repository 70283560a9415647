/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rare states a simulation must reach. A run that never heals or never conflicts proves nothing
 * about healing or conflicts, so over the thousand seeds each of these must have happened.
 */
#ifndef STEK_TESTS_SIM_SOMETIMES_H
#define STEK_TESTS_SIM_SOMETIMES_H

#define SOMETIMES_MAP(X)                                                                           \
    X(SOMETIMES_ROTATED, "an operator's rotate was done")                                          \
    X(SOMETIMES_ROTATE_REPEATED, "a repeated rotate changed nothing")                              \
    X(SOMETIMES_ROTATE_IN_OUTAGE, "a rotate ended without an answer of the store")                 \
    X(SOMETIMES_ROTATE_REFUSED, "a rotate was refused")                                            \
    X(SOMETIMES_UNCLEAR_ROTATE_DONE, "a rotate whose put went unanswered had happened")            \
    X(SOMETIMES_HEALED, "the merge was written back")                                              \
    X(SOMETIMES_CONFLICT, "two daemons put at once")                                               \
    X(SOMETIMES_LATE_PUT, "a put came too late and did not happen")                                \
    X(SOMETIMES_LOST_PUT, "an accepted put was lost")                                              \
    X(SOMETIMES_FLUSHED, "the store was emptied")                                                  \
    X(SOMETIMES_ROLLED_BACK, "an old record was restored")                                         \
    X(SOMETIMES_SPLIT, "the store was two, and each had a primary")                                \
    X(SOMETIMES_SPLIT_LOST, "the primary that lost had accepted puts")                             \
    X(SOMETIMES_CLOCK_WRONG, "a daemon's clock went wrong")                                        \
    X(SOMETIMES_SUSPECT, "a daemon was suspect")                                                   \
    X(SOMETIMES_DISSENT, "a frontend did not believe a daemon's time")                             \
    X(SOMETIMES_SUSPECT_FIRST, "a frontend met a suspect daemon before any other")                 \
    X(SOMETIMES_STALE_LEFT, "a frontend left a daemon that kept it not synced")                    \
    X(SOMETIMES_REVOKED, "a key was revoked")                                                      \
    X(SOMETIMES_REVOKED_ENCRYPTING, "the key that encrypts was revoked, another promoted")         \
    X(SOMETIMES_REVOKED_ALL, "all keys were revoked")                                              \
    X(SOMETIMES_REVOKED_UNSTORED, "a daemon that could not reach the store revoked")               \
    X(SOMETIMES_REVOKED_SUSPECT, "a daemon with a suspect clock revoked")                          \
    X(SOMETIMES_REVOKED_SETTLED, "a revocation was held everywhere")                               \
    X(SOMETIMES_MERGED_TWO, "two rings met of which neither held the other")                       \
    X(SOMETIMES_CRASHED, "a daemon died")                                                          \
    X(SOMETIMES_NO_DAEMON, "no daemon was alive")                                                  \
    X(SOMETIMES_AMNESIA, "every daemon and the store had forgotten everything")                    \
    X(SOMETIMES_NOT_READY, "a frontend watched a daemon that was not ready")                       \
    X(SOMETIMES_SILENT_LEFT, "a frontend left a silent stream")                                    \
    X(SOMETIMES_STALE, "a frontend was not synced")                                                \
    X(SOMETIMES_OFFLINE, "a frontend was beyond max_offline")                                      \
    X(SOMETIMES_FRONTEND_RESTARTED, "a frontend began anew")                                       \
    X(SOMETIMES_CROSSED, "a ticket opened on another frontend")                                    \
    X(SOMETIMES_CROSSED_RETIRED, "a ticket of a retired key opened on another frontend")           \
    X(SOMETIMES_NO_KEY, "a frontend with a snapshot had no key to encrypt with")                   \
    X(SOMETIMES_UNION, "a frontend decrypted with a key its newest snapshot did not have")

enum sometimes {
#define SOMETIMES_ENUM(name, text) name,
    SOMETIMES_MAP(SOMETIMES_ENUM)
#undef SOMETIMES_ENUM
        SOMETIMES_KINDS
};

#endif
