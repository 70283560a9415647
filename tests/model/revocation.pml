/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one key ends and stays ended: revocation, early retirement, tombstones that are kept until
 * `forgotten_from`, merges (R3), write-backs (R4), compare-and-swap (R6). docs/ARCHITECTURE.md, I5.
 *
 * Two daemons, two frontends, one store. The key is born to be dropped at tick BORN, which is also
 * its forgotten_from. A rotate makes it drop earlier, a revoke at once. In each tick each daemon
 * loads, merges and puts what the store had less of, and each frontend fetches from either daemon.
 *
 * Faults: the store is emptied, or falls back to a copy taken at any time; it has two primaries
 * for a while, of which one is thrown away; a put arrives late; a daemon restarts; a frontend
 * begins anew. Settings come from the environment (run.sh).
 */
#define BORN 6

/* Holders of the key. */
#define FRONTEND 2
#define STORE    4
#define COPY     5
#define STRAY    6 /* a put on its way */
#define OTHER    7 /* the other primary */
#define HOLDERS  8

c_code {
	static int setting(const char *name, int otherwise)
	{
		const char *text = getenv(name);
		return text ? atoi(text) : otherwise;
	}
};

hidden byte forgotten_from; /* 0: forget at dropped_from */
hidden byte latch;          /* R3: what has lost its bytes takes none */
hidden byte write_back;     /* R4 */
hidden byte compare;        /* R6: 2 by a random version, 1 by a counter, 0 not at all */
hidden byte last_tick, max_faults, max_restarts;
hidden byte no_excuse;         /* 1: even when nobody knows any more */
hidden byte probe;

byte now_tick, faults, restarts;
byte calm;                  /* ticks since the last fault or act, up to 4 */
bit was_rotated, was_revoked, was_copied, is_split;
bit stray, stray_is_current;
byte revision, stray_revision;
bit gone;                   /* nobody had the bytes any more, and everybody knew why */
bit amnesia;                /* then store and daemons forgot it, all of them */

byte dropped[HOLDERS];      /* dropped_from as the holder knows it; 0: it knows no such key */
bit bytes[HOLDERS], revoked[HOLDERS];
bit ready[2], synced[4];

hidden byte i;
hidden byte had, knew;

#define STORE_OF(d)   ((is_split && (d) == 1) -> OTHER : STORE)
#define HAS_TOMB(x)   (dropped[x] != 0 && !bytes[x])
#define USABLE(x)     (bytes[x] && !revoked[x] && now_tick < dropped[x])
#define EARLIER(a, b) ((a) < (b) -> (a) : (b))

inline copy(to, from) {
	dropped[to] = dropped[from];
	bytes[to] = bytes[from];
	revoked[to] = revoked[from]
}

inline clear(x) {
	dropped[x] = 0;
	bytes[x] = 0;
	revoked[x] = 0
}

/* What each holder does by the clock: wipe, and later forget. */
inline expire(x) {
	if
	:: dropped[x] != 0 && (now_tick >= dropped[x] || revoked[x]) -> bytes[x] = 0
	:: else
	fi;
	if
	:: dropped[x] != 0 && !bytes[x] && now_tick >= (forgotten_from -> BORN : dropped[x]) -> clear(x)
	:: else
	fi
}

inline merge(to, from) {
	knew = HAS_TOMB(to);
	if
	:: dropped[from] == 0
	:: dropped[from] != 0 && (dropped[to] == 0 || (knew && bytes[from] && !latch)) -> copy(to, from)
	:: else ->
		dropped[to] = EARLIER(dropped[to], dropped[from]);
		bytes[to] = bytes[to] && bytes[from];
		revoked[to] = revoked[to] || revoked[from]
	fi;
	expire(to);
	assert(!(knew && USABLE(to))) /* I5, for one holder */
}

/* Nobody who runs has the key, and store and daemons know that it ended. */
inline check() {
	if
	:: ready[0] && ready[1] && HAS_TOMB(0) && HAS_TOMB(1) && HAS_TOMB(STORE) && !is_split &&
	   !bytes[2] && !bytes[3] && now_tick < BORN -> gone = 1; amnesia = 0
	:: else
	fi;
	if
	:: gone && forgotten_from && now_tick < BORN && !HAS_TOMB(STORE) &&
	   !(ready[0] && HAS_TOMB(0)) && !(ready[1] && HAS_TOMB(1)) -> amnesia = 1
	:: else
	fi;
	/* I5, for the fleet: never while processes run; and never for longer than a write-back takes,
	 * as long as a daemon or the store knew. */
	if
	:: gone && (restarts == 0 || (calm >= 4 && (!amnesia || no_excuse))) ->
		assert(!USABLE(0) && !USABLE(1) && !USABLE(2) && !USABLE(3));
		assert(!(probe == 1 && was_revoked && bytes[COPY] && dropped[COPY] > now_tick &&
			restarts == max_restarts && faults == max_faults && calm >= 4))
	:: else
	fi;
	assert(!(probe == 2 && gone && dropped[0] == 0 && dropped[1] == 0 && ready[0] && ready[1]))
}

inline act() { calm = 0 }
inline fault() { faults++; calm = 0 }

/* The store's record is replaced by `from`; a put never takes anything away (I6). */
inline put(store, from) {
	assert(now_tick >= (forgotten_from -> BORN : dropped[store]) || !HAS_TOMB(store) ||
		HAS_TOMB(from));
	copy(store, from);
	revision = revision + (compare == 1)
}

inline sync(d) {
	printf("t=%d: daemon %d loads: dropped %d bytes %d revoked %d\n", now_tick, d,
		dropped[STORE_OF(d)], bytes[STORE_OF(d)], revoked[STORE_OF(d)]);
	merge(d, STORE_OF(d));
	ready[d] = 1;
	synced[d] = 1;
	if
	:: write_back && (dropped[d] != dropped[STORE_OF(d)] || bytes[d] != bytes[STORE_OF(d)] ||
	   revoked[d] != revoked[STORE_OF(d)]) ->
		printf("t=%d: daemon %d puts: dropped %d bytes %d revoked %d\n", now_tick, d, dropped[d],
			bytes[d], revoked[d]);
		put(STORE_OF(d), d);
		stray_is_current = 0
	:: else
	fi
}

inline fetch(f, d) {
	printf("t=%d: frontend %d fetches from daemon %d\n", now_tick, f - FRONTEND, d);
	merge(f, d);
	synced[f] = 1
}

/* Loads and puts, but the put is late. */
inline send_late(d) {
	printf("t=%d: daemon %d sends a put that will be late, made at revision %d\n", now_tick, d, revision);
	fault();
	merge(d, STORE);
	ready[d] = 1;
	copy(STRAY, d);
	stray = 1;
	stray_is_current = 1;
	stray_revision = revision
}

inline arrive() {
	stray = 0;
	if
	:: (compare == 2 && stray_is_current) || (compare == 1 && stray_revision == revision) || compare == 0 ->
		printf("t=%d: the late put arrives at revision %d\n", now_tick, revision);
		put(STORE, STRAY);
		calm = 0
	:: else -> printf("t=%d: the late put is refused\n", now_tick); assert(probe != 3)
	fi;
	clear(STRAY);
	stray_is_current = 0;
	stray_revision = 0
}

inline revoke(d) {
	printf("t=%d: daemon %d revokes\n", now_tick, d);
	act();
	was_revoked = 1;
	revoked[d] = 1;
	bytes[d] = 0
}

inline rotate(d) {
	printf("t=%d: daemon %d rotates\n", now_tick, d);
	act();
	was_rotated = 1;
	dropped[d] = EARLIER(dropped[d], now_tick + 2)
}

inline lose(from) {
	fault();
	stray_is_current = 0;
	if
	:: from == COPY -> printf("t=%d: an older copy is restored\n", now_tick); copy(STORE, COPY)
	:: else -> printf("t=%d: the store is emptied\n", now_tick); clear(STORE); revision = 0
	fi
}

inline split() {
	printf("t=%d: two primaries\n", now_tick);
	fault();
	is_split = 1;
	copy(OTHER, STORE)
}

inline join() {
	printf("t=%d: one primary again\n", now_tick);
	calm = 0;
	is_split = 0;
	clear(OTHER)
}

inline restart(x) {
	printf("t=%d: %d begins anew\n", now_tick, x);
	restarts++;
	calm = 0;
	clear(x);
	synced[x] = 0;
	if
	:: x < 2 -> ready[x] = 0
	:: else
	fi
}

inline tick() {
	now_tick++;
	calm = (calm < 4 -> calm + 1 : 4);
	i = 0;
	do
	:: i < 4 -> synced[i] = 0; expire(i); i++
	:: else -> break
	od
}

inline begin() {
	i = 0;
	do
	:: i <= STORE -> dropped[i] = BORN; bytes[i] = 1; i++
	:: else -> break
	od;
	ready[0] = 1;
	ready[1] = 1;
	revision = (compare == 1)
}

inline for_daemon(d) {
	if
	:: d_step { !synced[d] -> sync(d); check(); skip }
	:: d_step { ready[d] && bytes[d] && !was_revoked && !amnesia -> revoke(d); check(); skip }
	:: d_step { ready[d] && bytes[d] && !was_rotated && now_tick + 2 < BORN -> rotate(d); check(); skip }
	:: d_step { ready[d] && !synced[2] -> fetch(2, d); check(); skip }
	:: d_step { ready[d] && !synced[3] -> fetch(3, d); check(); skip }
	:: d_step { restarts < max_restarts -> restart(d); check(); skip }
	:: d_step { faults < max_faults && !stray && !is_split -> send_late(d); check(); skip }
	fi
}

init {
	c_code {
		forgotten_from = setting("FORGOTTEN_FROM", 1);
		latch = setting("LATCH", 1);
		write_back = setting("WRITE_BACK", 1);
		compare = setting("COMPARE", 2);
		last_tick = setting("TICKS", 7);
		max_faults = setting("FAULTS", 2);
		max_restarts = setting("RESTARTS", 0);
		no_excuse = setting("NO_EXCUSE", 0);
		probe = setting("PROBE", 0);
	};
	d_step { begin(); skip };
	do
	:: now_tick == last_tick -> break
	:: else ->
		if
		:: for_daemon(0)
		:: for_daemon(1)
		:: d_step { stray -> arrive(); check(); skip }
		:: d_step { !was_copied && faults < max_faults -> was_copied = 1; copy(COPY, STORE); skip }
		:: d_step { was_copied && faults < max_faults -> lose(COPY); check(); skip }
		:: d_step { faults < max_faults -> lose(STORE); check(); skip }
		:: d_step { faults < max_faults && !is_split && !stray -> split(); check(); skip }
		:: d_step { is_split -> join(); check(); skip }
		:: d_step { restarts < max_restarts -> restart(2); check(); skip }
		:: d_step { synced[0] && synced[1] && synced[2] && synced[3] -> tick(); check(); skip }
		fi
	od
}
