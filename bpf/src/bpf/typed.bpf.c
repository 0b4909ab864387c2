// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Records of any bytes in rings whose types are known in different ways: `ringbuf dump` finds
 * them in the type information (BTF) of this program.
 *
 * Records: bytes of `payload`, as many as asked for.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs).
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "../../include/ringbuf.bpf.h"

#define PAYLOAD_BYTES 256

struct put {
	__u32 ring; /* 0 declared_events_of_a_test, 1 gadgets, 2 guessed, 3 sharded */
	__u32 size;
};

unsigned char payload[PAYLOAD_BYTES]; /* set by user space */

enum state {
	IDLE,
	BUSY = 7,
};

struct point {
	__s16 x, y;
};

/* What a record may have: 104 bytes, and a name. */
struct event {
	__u64 time_ns;
	__u32 pid;
	__s32 delta;
	char comm[16];
	enum state state;
	__u32 low : 3;
	__u32 high : 29;
	struct point points[2];
	union {
		__u16 port;
		__u16 raw;
	};
	bool ok;
	char letter;
	__u8 mac[6];
	__s8 level;
	void *pointer;
	const __u32 list[3];
	volatile __s64 big;
	__u64 last;
	char name[];
};

struct gadget_event {
	__u32 pid;
	__u32 uid;
};

struct small {
	__u32 number;
};

/* A name longer than the 15 bytes that the kernel keeps. */
RINGBUF(declared_events_of_a_test, 4096);
RINGBUF_RECORD(declared_events_of_a_test, struct event);

RINGBUF(gadgets, 4096);
const void *gadget_tracer_test___gadgets___gadget_event __attribute__((unused));
const struct gadget_event *__gadget_tracer_type_test __attribute__((unused));

/* As users of bpf2go have it. */
RINGBUF(guessed, 4096);
const struct small *unused __attribute__((unused));

/* The type of the records of each ring in it. */
RINGBUF_SHARDS(sharded, 4096);
RINGBUF_RECORD(sharded, struct small);

/* Returns 0, or a negative error. */
SEC("raw_tp")
int put(struct put *ctx)
{
	__u64 size = ctx->size;

	if (size > PAYLOAD_BYTES)
		return -EDOM;
	if (ctx->ring == 0)
		return ringbuf_output(declared_events_of_a_test, payload, size, 0);
	if (ctx->ring == 1)
		return ringbuf_output(gadgets, payload, size, 0);
	if (ctx->ring == 3)
		return ringbuf_output(sharded, payload, size, 0);
	return ringbuf_output(guessed, payload, size, 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
