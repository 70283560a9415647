/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true after every single event, named as in docs/ARCHITECTURE.md.
 *
 * I1 says what exactly: a frontend is synced while it has a snapshot whose as_of is at most one
 * sync_interval old. A ticket made by a frontend that is synced when it makes it opens, at once and
 * until the lifetime it was given ends, on every frontend that is synced when it is offered it.
 *
 * I1 does not survive everything. What the store loses is healed from the daemons' memory within
 * three sync_intervals (a load to notice, R4's one write-back per sync_interval, a load for the
 * others). The fault budget:
 *   - the store loses something only while every daemon is alive, ready and current, and not again
 *     before the last loss is healed;
 *   - until it is healed one daemon may die or be cut off from the store, not both, and not the
 *     only one that knows of something (a rotate that the store has lost and whose daemon is gone
 *     retires a key on those frontends alone that had heard of it); nor may one be left that reads
 *     but cannot write; and no frontend begins anew, or comes back from an absence during which
 *     a key was published (docs/decisions/0022).
 *   - while the store has two primaries, which is a loss that lasts, no operator acts and it is not
 *     for longer than a key is published before its first use; a revocation, known to one daemon
 *     until it is stored, counts as a loss too.
 * Everything else may happen at any time. Seven seeds in ten keep to the budget and are held to I1
 * throughout; the others are wild: where they overdraw it I1 is not asked for one whole life of a
 * key, but everything else is. (An example of overdrawing: the store is emptied, and before the
 * write-back every daemon dies. The fleet has forgotten its keys, and a frontend that begins now
 * cannot know them.)
 *
 * I5 for revocations: one that every living daemon holds and that is stored is *settled*, and from
 * then on, within the same budget, no well daemon and no synced frontend knows the key as usable.
 *
 * I7 and I8 and the handshake half of I9 are beyond a simulation and have tests of their own.
 */
#ifndef STEK_TESTS_SIM_INVARIANTS_H
#define STEK_TESTS_SIM_INVARIANTS_H

#include <stdbool.h>

struct world;
struct invariants;

struct invariants *invariants_new(void);
void invariants_free(struct invariants *invariants);

/* The fault budget is overdrawn: a settled revocation may be forgotten. */
void invariants_unsettle(struct world *world);

/* After every event. Reports through world_violate(). */
void invariants_check(struct world *world);
/* Faults have stopped long enough ago: L2 every frontend is synced and current, L3 the store holds
 * what the daemons hold, and all hold the same. */
bool invariants_is_whole(struct world *world, const char **out_why);

#endif
