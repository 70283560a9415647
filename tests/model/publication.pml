/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How keys reach every frontend before anybody encrypts with them: rules R1 to R5 and R9 of
 * docs/ARCHITECTURE.md, two daemons, two frontends, one store that loses things.
 *
 * Time is whole ticks. A sync_interval is two of them, so a lead is four. In each tick each daemon
 * loads and decides: write back what the store had less of (R4), publish what is needed (R9), do
 * what an operator asks. Each frontend fetches from either daemon, or does not. All of it, and the
 * faults, in any order. A load and the put that follows are one step, for with compare-and-swap
 * (R6) only such a put counts; revocation.pml takes the two apart.
 *
 * What a holder knows of a key is one number, the tick from which it encrypts: ABSENT, not known,
 * is the greatest, REVOKED the least, and earlier dates win, so that merging is taking the minimum.
 * A key encrypts for ROTATE ticks. How keys end is the business of revocation.pml; so is how a
 * rotate retires the old key early, for the new one takes over all the same.
 *
 * Faults: the store is emptied; it loses a put it has acknowledged; it falls back to an older copy;
 * a daemon restarts, or cannot reach the store for a tick; a frontend begins anew. Which of them
 * may coincide is the budget written down in tests/sim/invariants.h, here may_lose() and
 * may_fail(); `budget` 0 lets anything happen, 2 lets the only daemon
 * that knows of something die.
 *
 * Settings come from the environment, so that one compiled search serves all variants (run.sh).
 */
#define DAEMONS   2
#define FRONTENDS 2
#define KEYS      5
#define SYNC      2
#define ROTATE    6
#define HEALED    4 /* ticks in which R4 must have healed a loss */
#define FAR       60
#define ABSENT    63
#define REVOKED   0
#define NONE      KEYS
#define START     5

c_code {
	static int setting(const char *name, int otherwise)
	{
		const char *text = getenv(name);
		return text ? atoi(text) : otherwise;
	}
};

/* The rules, each of which a variant can break. */
hidden byte lead;       /* R1: ticks between publication and first use */
hidden byte newest_only; /* R2: encrypt only with what the newest snapshot has */
hidden byte unite;       /* R2: a snapshot adds to what is held, instead of replacing it */
hidden byte merge;       /* R3: a load adds to what is held, instead of replacing it */
hidden byte write_back;  /* R4 */
hidden byte pace;        /* R4: ticks from one write-back to the next */
hidden byte ready_gate;  /* R5 */
hidden byte coverage;    /* R9: close holes where they are, instead of counting next keys */

/* How far the search goes. */
hidden byte last_tick, max_faults, max_acts;
hidden byte budget, liveness;
hidden byte far_key;     /* a daemon of the past, ten years fast, has left a key */
hidden byte probe;      /* a state that must be reachable: reaching it fails the search */

byte now_tick;
byte calm;              /* ticks since the last fault, act or start, up to 2 * lead */
byte faults, acts;
byte lost;              /* ticks until what the store has lost counts as healed; 0: it is */
bit copied;             /* the older copy was taken */

byte store[KEYS], copy[KEYS], published[KEYS];

bit ready[DAEMONS], synced[DAEMONS]; /* synced: has done its part of this tick */
byte age[DAEMONS];      /* ticks since the last load, up to SYNC */
byte pause[DAEMONS];    /* ticks until the next write-back */
byte ring[DAEMONS * KEYS];

bit fetched[FRONTENDS];
byte held_age[FRONTENDS];
byte held[FRONTENDS * KEYS];
bit scheduled[FRONTENDS * KEYS];

/* A frontend that was away, be it for half a sync_interval, may come back as ignorant as one that
 * begins. */
#define MAY_FETCH(f, d) (!fetched[f] && ready[d] && !(budget && lost && held_age[f] > 1))

/* Scratch: never matters across steps. */
hidden byte i, j, k, h, e, best, n;
hidden byte need, is_heal, ok, moved, well;
hidden byte work[KEYS];

#define AT(d, key) ((d) * KEYS + (key))
#define ENCRYPTS(date, at) ((date) != REVOKED && (date) <= (at) && (at) < (date) + ROTATE)
/* An age of n ticks is a time of less than n + 1: who is called synced here surely is. */
#define IS_SYNCED(f) (held_age[f] < SYNC)

/* --- the pure functions of core/keyring --- */

/* best: the key that encrypts now, of those that count. `date_k` and `date_best` are the dates of
 * keys k and best at whoever picks. */
inline pick(date_k, date_best, counts) {
	best = NONE;
	k = 0;
	do
	:: k < KEYS ->
		if
		:: (counts) && ENCRYPTS(date_k, now_tick) && best == NONE -> best = k
		:: (counts) && ENCRYPTS(date_k, now_tick) && best != NONE ->
			if
			:: date_k > date_best -> best = k
			:: else
			fi
		:: else
		fi;
		k++
	:: else -> break
	od
}

/* h moves on to the first tick at which nothing of `work` encrypts. */
inline first_hole() {
	moved = 1;
	do
	:: moved ->
		moved = 0;
		k = 0;
		do
		:: k < KEYS ->
			if
			:: work[k] != ABSENT && ENCRYPTS(work[k], h) -> h = work[k] + ROTATE; moved = 1
			:: else
			fi;
			k++
		:: else -> break
		od
	:: else -> break
	od
}

/* best: a key nobody holds any more, or never did. NONE: the model is too small. */
inline unused_key() {
	best = NONE;
	k = 0;
	do
	:: k < KEYS ->
		if
		:: best == NONE && work[k] == ABSENT && store[k] == ABSENT && copy[k] == ABSENT &&
		   ring[AT(0, k)] == ABSENT && ring[AT(1, k)] == ABSENT &&
		   held[AT(0, k)] == ABSENT && held[AT(1, k)] == ABSENT -> best = k
		:: else
		fi;
		k++
	:: else -> break
	od
}

inline birth(date) {
	unused_key();
	if
	:: best != NONE -> work[best] = date; published[best] = now_tick; need = 1
	:: else -> ok = 0
	fi
}

/* R9, as schedule_cover(). */
inline cover() {
	h = now_tick + lead;
	first_hole();
	do
	:: ok && h < now_tick + lead + ROTATE ->
		best = NONE;
		k = 0;
		do
		:: k < KEYS ->
			if
			:: work[k] != ABSENT && work[k] > h && published[k] + lead <= h &&
			   (best == NONE || work[k] < work[best]) -> best = k
			:: else
			fi;
			k++
		:: else -> break
		od;
		if
		:: best != NONE -> work[best] = h; need = 1; assert(probe != 7)
		:: else -> birth(h)
		fi;
		first_hole()
	:: else -> break
	od
}

/* What R9 replaced: one next key is enough, wherever it lies. */
inline count_only() {
	n = 0;
	e = now_tick + lead;
	k = 0;
	do
	:: k < KEYS ->
		if
		:: work[k] != ABSENT && work[k] > now_tick -> n++
		:: work[k] != ABSENT && work[k] != REVOKED && work[k] + ROTATE > e -> e = work[k] + ROTATE
		:: else
		fi;
		k++
	:: else -> break
	od;
	if
	:: n == 0 -> birth(e)
	:: else
	fi
}

/* best: the next key that may begin first; h: when. */
inline successor() {
	best = NONE;
	h = ABSENT;
	k = 0;
	do
	:: k < KEYS ->
		if
		:: work[k] != ABSENT && work[k] > now_tick ->
			e = published[k] + lead;
			if
			:: e < now_tick -> e = now_tick
			:: else
			fi;
			if
			:: work[k] < e -> e = work[k]
			:: else
			fi;
			if
			:: e < h -> h = e; best = k
			:: else
			fi
		:: else
		fi;
		k++
	:: else -> break
	od
}

/* --- what must be true --- */

/* I1 and I2: what a synced frontend encrypts with opens on every synced one that has not heard of
 * its revocation, and it was published a lead ago. */
inline check() {
	i = 0;
	do
	:: i < FRONTENDS ->
		pick(held[AT(i, k)], held[AT(i, best)], (scheduled[AT(i, k)] || !newest_only));
		if
		:: IS_SYNCED(i) && best != NONE ->
			assert(now_tick >= published[best] + lead);
			if
			:: IS_SYNCED(1 - i) ->
				assert(held[AT(1 - i, best)] != ABSENT);
				assert(!(probe == 1 && published[best] > START))
			:: else
			fi
		:: else
		fi;
		/* L1 */
		if
		:: IS_SYNCED(i) && calm == 8 -> assert(best != NONE); assert(probe != 6)
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* --- the fault budget --- */

/* well: every daemon is ready and current, and holds what the store holds. */
inline is_well() {
	well = ready[0] && ready[1] && age[0] < SYNC && age[1] < SYNC;
	k = 0;
	do
	:: k < KEYS ->
		well = well && store[k] == ring[AT(0, k)] && store[k] == ring[AT(1, k)];
		k++
	:: else -> break
	od
}

/* ok: the store may lose something now. */
inline may_lose() {
	ok = !budget || (!lost && ready[0] && ready[1] && age[0] <= 1 && age[1] <= 1)
}

/* ok: daemon d may be in trouble now. While the store has lost something: one of them only, and
 * not the only one that knows of something. */
inline may_fail(d) {
	ok = !budget || !lost || (ready[1 - d] && age[1 - d] <= 1);
	k = 0;
	do
	:: budget == 1 && lost && k < KEYS ->
		ok = ok && (ring[AT(d, k)] >= store[k] || ring[AT(d, k)] >= ring[AT(1 - d, k)]);
		k++
	:: else -> break
	od
}

inline settle() {
	is_well();
	if
	:: well -> lost = 0
	:: else
	fi
}

inline fault() { faults++; calm = 0 }

inline lose() { lost = (budget > 0 -> HEALED : 0) }

/* --- steps --- */

inline load(d) {
	printf("t=%d: daemon %d loads\n", now_tick, d);
	k = 0;
	do
	:: k < KEYS ->
		if
		:: store[k] < ring[AT(d, k)] || !merge -> ring[AT(d, k)] = store[k]
		:: else
		fi;
		k++
	:: else -> break
	od;
	ready[d] = 1;
	synced[d] = 1;
	age[d] = 0
}

/* work: what daemon d would put; need: whether it must. */
inline prepare(d) {
	need = 0;
	is_heal = 0;
	ok = 1;
	k = 0;
	do
	:: k < KEYS ->
		work[k] = ring[AT(d, k)];
		is_heal = is_heal || work[k] < store[k];
		k++
	:: else -> break
	od;
	is_heal = is_heal && write_back && pause[d] == 0
}

/* The put of `work`; `survives` 0: acknowledged, and lost. */
inline put(d, survives) {
	printf("t=%d: daemon %d puts (%d): %d %d %d %d %d\n", now_tick, d, survives, work[0], work[1],
		work[2], work[3], work[4]);
	k = 0;
	do
	:: k < KEYS ->
		if
		:: survives -> store[k] = work[k]
		:: else
		fi;
		ring[AT(d, k)] = work[k];
		k++
	:: else -> break
	od;
	if
	:: is_heal -> pause[d] = pace; assert(!(probe == 2 && survives))
	:: else
	fi
}

inline sync(d, survives) {
	load(d);
	prepare(d);
	if
	:: coverage -> cover()
	:: else -> count_only()
	fi;
	if
	:: ok && (need || is_heal) -> put(d, survives)
	:: else
	fi
}

inline rotate(d) {
	load(d);
	prepare(d);
	acts++;
	calm = 0;
	pick(work[k], work[best], 1);
	n = best;
	successor();
	if
	:: n != NONE && best != NONE ->
		printf("t=%d: daemon %d rotates: key %d from %d\n", now_tick, d, best, h);
		work[best] = h;
		cover();
		put(d, ok);
		assert(!(probe == 4 && ok))
	:: else
	fi
}

inline revoke_next(d) {
	prepare(d);
	acts++;
	calm = 0;
	successor();
	if
	:: best != NONE ->
		printf("t=%d: daemon %d revokes key %d\n", now_tick, d, best);
		ring[AT(d, best)] = REVOKED
	:: else
	fi
}

inline fetch(f, d) {
	printf("t=%d: frontend %d fetches from daemon %d\n", now_tick, f, d);
	fetched[f] = 1;
	held_age[f] = age[d];
	k = 0;
	do
	:: k < KEYS ->
		if
		:: ring[AT(d, k)] < held[AT(f, k)] || !unite -> held[AT(f, k)] = ring[AT(d, k)]
		:: else
		fi;
		scheduled[AT(f, k)] = ring[AT(d, k)] != ABSENT;
		k++
	:: else -> break
	od
}

inline forget_daemon(d) {
	printf("t=%d: daemon %d restarts\n", now_tick, d);
	fault();
	ready[d] = !ready_gate;
	age[d] = (ready_gate -> SYNC : 0);
	synced[d] = 0;
	pause[d] = 0;
	k = 0;
	do
	:: k < KEYS -> ring[AT(d, k)] = ABSENT; k++
	:: else -> break
	od
}

inline forget_frontend(f) {
	printf("t=%d: frontend %d begins anew\n", now_tick, f);
	fault();
	held_age[f] = SYNC;
	k = 0;
	do
	:: k < KEYS -> held[AT(f, k)] = ABSENT; scheduled[AT(f, k)] = 0; k++
	:: else -> break
	od
}

inline lose_store(back) {
	printf("t=%d: the store loses all but its older copy (%d)\n", now_tick, back);
	fault();
	lose();
	k = 0;
	do
	:: k < KEYS -> store[k] = (back -> copy[k] : ABSENT); k++
	:: else -> break
	od
}

inline take_copy() {
	copied = 1;
	k = 0;
	do
	:: k < KEYS -> copy[k] = store[k]; k++
	:: else -> break
	od
}

inline older(a) { a = (a == SYNC -> a : a + 1) }

/* Without a fresh snapshot it is no matter what the last one had. */
inline unschedule(f) {
	k = 0;
	do
	:: k < KEYS -> scheduled[AT(f, k)] = 0; k++
	:: else -> break
	od
}

inline tick() {
	now_tick++;
	lost = (lost > 0 -> lost - 1 : 0);
	calm = (calm < 8 -> calm + liveness : 8);
	i = 0;
	do
	:: i < 2 ->
		synced[i] = 0;
		fetched[i] = 0;
		pause[i] = (pause[i] > 0 -> pause[i] - 1 : 0);
		older(age[i]);
		older(held_age[i]);
		if
		:: held_age[i] == SYNC -> unschedule(i)
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* A fleet that runs, with one key in use and the next one known everywhere; or nothing at all. */
inline begin(runs) {
	now_tick = START;
	k = 0;
	do
	:: k < KEYS ->
		e = (runs && k == 0 -> 1 : (runs && k == 1 -> 1 + ROTATE : ABSENT));
		store[k] = e;
		copy[k] = e;
		i = 0;
		do
		:: i < 2 ->
			ring[AT(i, k)] = e;
			held[AT(i, k)] = e;
			scheduled[AT(i, k)] = e != ABSENT;
			i++
		:: else -> break
		od;
		k++
	:: else -> break
	od;
	ready[0] = runs;
	ready[1] = runs;
	i = 0;
	do
	:: i < 2 -> age[i] = (runs -> 0 : SYNC); held_age[i] = age[i]; i++
	:: else -> break
	od;
	if
	:: far_key -> store[4] = FAR; published[4] = START
	:: else
	fi
}

inline for_daemon(d) {
	if
	:: d_step { !synced[d] -> sync(d, 1); settle(); check(); skip }
	:: d_step { !synced[d] && acts < max_acts -> rotate(d); settle(); check(); skip }
	:: d_step { ready[d] && acts < max_acts -> revoke_next(d); check(); skip }
	:: d_step { MAY_FETCH(0, d) -> fetch(0, d); check(); skip }
	:: d_step { MAY_FETCH(1, d) -> fetch(1, d); check(); skip }
	:: faults < max_faults ->
		if
		:: d_step { may_fail(d); if :: ok -> forget_daemon(d); check() :: else fi; skip }
		:: d_step { !synced[d] -> may_fail(d);
			if
			:: ok -> printf("t=%d: daemon %d is cut off\n", now_tick, d);
				fault(); synced[d] = 1
			:: else
			fi; skip }
		:: d_step { !synced[d] -> may_lose();
			if
			:: ok -> fault(); sync(d, 0); lose(); check()
			:: else
			fi; skip }
		fi
	fi
}

init {
	c_code {
		lead = setting("LEAD", 2) * 2;
		newest_only = setting("NEWEST", 1);
		unite = setting("UNION", 1);
		merge = setting("MERGE", 1);
		write_back = setting("WRITE_BACK", 1);
		pace = setting("PACE", 1);
		ready_gate = setting("READY", 1);
		coverage = setting("COVERAGE", 1);
		last_tick = setting("TICKS", 10) + START;
		max_faults = setting("FAULTS", 2);
		max_acts = setting("ACTS", 1);
		budget = setting("BUDGET", 1);
		liveness = setting("LIVENESS", 0);
		far_key = setting("FAR_KEY", 0);
		probe = setting("PROBE", 0);
	};
	if
	:: d_step { begin(1); skip }
	:: d_step { begin(0); skip }
	fi;
	do
	:: now_tick == last_tick -> break
	:: else ->
		if
		:: for_daemon(0)
		:: for_daemon(1)
		:: faults < max_faults && !(budget && lost) ->
			if
			:: d_step { forget_frontend(0); check(); skip }
			:: d_step { forget_frontend(1); check(); skip }
			fi
		:: faults < max_faults ->
			if
			:: d_step { may_lose(); if :: ok -> lose_store(0); check() :: else fi; skip }
			:: d_step { copied -> may_lose(); if :: ok -> lose_store(1); check() :: else fi; skip }
			fi
		:: d_step { !copied && faults < max_faults -> take_copy(); skip }
		:: d_step { synced[0] && synced[1] -> tick(); settle(); check(); skip }
		fi
	od
}
