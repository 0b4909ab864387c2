/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Programs that use ringbuf.bpf.h and count by themselves, too: the body of losses.bpf.c, and
 * of losses_plain.bpf.c, whose counters are broken on purpose.
 *
 * Record, native byte order, of 8 bytes or more:
 *   offset size field
 *        0    8 stamp    bpf_ktime_get_ns() if it was reserved with a stamp; otherwise 0
 *        8  n-8 rest     whatever was there
 */
#ifndef LOSSES_H
#define LOSSES_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "loop.h"

/* Set before loading: whether attempts are counted. */
const volatile __u32 count_attempts = 1;

#define RINGBUF_ATTEMPTS count_attempts
#include "../../include/ringbuf.bpf.h"

#define OUTPUT_MAX 256

struct event {
	__u64 stamp;
	__u64 rest[3];
};

RINGBUF(events, 64 * 1024);
RINGBUF_RECORD(events, struct event);
RINGBUF_SAVED(events);
RINGBUF_SHARDS(shards, 64 * 1024);

/* What the programs know without the header. Each is added to atomically. */
struct truth {
	__u64 attempted;
	__u64 submitted;
	__u64 discarded;
	__u64 too_big;
	__u64 refused; /* the others */
	__u64 nested;  /* attempts of a program that interrupted this object's others */
};

struct truth truth;
__u32 inside[64];        /* by CPU: programs that attempt now */
volatile __u32 go;       /* set by user space: a record that is held may be committed */
volatile __u32 holding;  /* set by the program: the record is busy */
__u32 released;          /* by the last hold: 1 if it ended because of `go` */
__u32 sharded;           /* set by user space: write `shards`, not `events` */
unsigned char payload[OUTPUT_MAX];

#define TRUE_ADD(field) __sync_fetch_and_add(&truth.field, 1)

enum kind { SUBMIT_24, SUBMIT_200, STAMPED, DISCARD, OUTPUT, TOO_BIG, KINDS };

static __always_inline void commit(void *record, bool discard)
{
	if (!record) {
		TRUE_ADD(refused);
	} else if (discard) {
		TRUE_ADD(discarded);
		ringbuf_discard(events, record, 0);
	} else {
		TRUE_ADD(submitted);
		ringbuf_submit(events, record, 0);
	}
}

/* The same wrappers for one ring and for shards. */
#define ATTEMPT(map)                                                                     \
	switch (kind) {                                                                  \
	case SUBMIT_24:                                                                  \
		commit(ringbuf_reserve(map, 24), false);                                 \
		break;                                                                   \
	case SUBMIT_200:                                                                 \
		commit(ringbuf_reserve(map, 200), false);                                \
		break;                                                                   \
	case STAMPED:                                                                    \
		commit(ringbuf_reserve_stamped(map, struct event, stamp), false);        \
		break;                                                                   \
	case DISCARD:                                                                    \
		commit(ringbuf_reserve(map, 56), true);                                  \
		break;                                                                   \
	case OUTPUT:                                                                     \
		if (ringbuf_output(map, payload, size, 0))                               \
			TRUE_ADD(refused);                                               \
		else                                                                     \
			TRUE_ADD(submitted);                                             \
		break;                                                                   \
	default: {                                                                       \
		void *record = ringbuf_reserve(map, 1 << 20);                            \
		if (record)                                                              \
			ringbuf_discard(map, record, 0);                                 \
		TRUE_ADD(too_big);                                                       \
	}                                                                                \
	}

__noinline int attempt(__u32 kind)
{
	__u64 size = bpf_get_prandom_u32() & (OUTPUT_MAX - 1);
	__u32 cpu = bpf_get_smp_processor_id() & 63;

	TRUE_ADD(attempted);
	if (inside[cpu])
		TRUE_ADD(nested);
	__sync_fetch_and_add(&inside[cpu], 1);
	asm volatile("" : "+r"(size));
	size &= OUTPUT_MAX - 1;
	if (sharded) {
		ATTEMPT(shards)
	} else {
		ATTEMPT(events)
	}
	__sync_fetch_and_add(&inside[cpu], -1);
	return 0;
}

/* One in 64 does not fit into any ring of the test. */
__noinline int attempt_any(void)
{
	__u32 random = bpf_get_prandom_u32();

	return attempt((random & 63) == 63 ? TOO_BIG : (random >> 8) % TOO_BIG);
}

__noinline int attempt_row(__u32 attempts)
{
	LOOP_ROW(i, attempts) {
		if (attempt_any())
			return 1;
	}
	return 0;
}

struct attempts {
	__u64 count; /* at most LOOP_MAX */
};

/* Returns 0, or 1 if there are too many. */
SEC("raw_tp")
int attempts(struct attempts *ctx)
{
	__u64 count = ctx->count;

	if (count > LOOP_MAX)
		return 1;
	LOOP_ROWS(row, count) {
		if (attempt_row(ROW_LENGTH(row, count)))
			return 1;
	}
	return 0;
}

/* Interrupts the others, attached to a perf event. */
SEC("perf_event")
int nested(void *ctx)
{
	return attempt_row(3);
}

REPEAT(wait_row, (void), (bpf_ktime_get_ns() && go))
REPEAT(wait_rows, (void), wait_row())
REPEAT(wait_long, (void), wait_rows())
REPEAT(wait_longer, (void), wait_long())

/* Holds a record busy until `go` is set, at most for some seconds. */
SEC("raw_tp")
int hold(void *ctx)
{
	void *record;

	TRUE_ADD(attempted);
	if (sharded)
		record = ringbuf_reserve(shards, 24);
	else
		record = ringbuf_reserve(events, 24);
	if (!record) {
		TRUE_ADD(refused);
		return 1;
	}
	holding = 1;
	released = wait_longer();
	TRUE_ADD(submitted);
	ringbuf_submit(events, record, 0);
	holding = 2;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
