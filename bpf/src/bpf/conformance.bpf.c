// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Runs a script of ring buffer operations, up to STEPS_MAX in one run, with up to three
 * reservations open at once, and lets user space look at the ring after each step. A test
 * does the same in the simulator and compares.
 *
 * The verifier must know at each instruction which reservations are open. So the place
 * in the program tells it: label s5_3 is step 3 with slots 0 and 2 open. A step jumps
 * from label to label. An operation that makes no sense at a label does nothing.
 *
 * User space looks from a thread on another CPU: the program stores its place in
 * `asked`, and waits until `answered` has the same value.
 *
 * Records: of the sizes in the script, with bytes of `payload`, or with the old bytes
 * of the ring.
 *
 * The programs are run by BPF_PROG_TEST_RUN, their arguments are the context.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs, type information of the
 * kernel); script_dynptr needs 5.19.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include "notify.h"

#define STEPS_MAX 12
#define BYTES_MAX 16384 /* of a ring, and of a sample that is written */
#define QUERIES 6
#define WAIT_MAX_NS 10000000000ULL
#define NO_WAKEUP 1

enum what {
	NOTHING = 0, /* ret: -EDOM, as for any operation that makes no sense now */
	RESERVE = 1, /* slot; size, of a slot that is a dynptr; flags; from, written: the sample */
	SUBMIT = 2,  /* slot; flags; ret: 1 */
	DISCARD = 3, /* the same */
	OUTPUT = 4,  /* size, at most BYTES_MAX; flags; from: the sample; ret: of the helper */
	QUERY = 5,   /* flags: which value; ret: of the helper */
	RELEASE = 6, /* user space moves the consumer position; ret: 0 */
};

struct step {
	enum what what;
	__u32 slot;
	__u32 size;
	__u32 from;    /* the sample is payload[from..], from is below BYTES_MAX */
	__u64 flags;
	__u64 written; /* 0: the sample is left as it is */
};

struct result {
	__s64 ret; /* of a reservation: 1 or 0, or what the dynptr helper returned */
	__u64 queries[QUERIES];
};

struct run {
	__u64 steps; /* how many, at most STEPS_MAX */
};

/* Set before loading. */
const volatile __u32 size0 = 0;       /* of a reservation in slot 0, of `script` also 1 and 2 */
const volatile __u32 size1 = 0;
const volatile __u32 size2 = 0;
/*
 * Fewer for Linux before 6.3: its verifier takes reservations of different paths for
 * different states, and so walks through all orders in which they can be made.
 */
const volatile __u32 slots = 3;
const volatile __u32 steps_max = STEPS_MAX;

volatile __u32 asked;    /* (step + 1) << 1: user space may look; with 1 added: it moves the consumer */
volatile __u32 answered; /* set by user space, to `asked`: it has looked */
__u32 late;              /* set once an answer did not come */
__u32 unsettled;         /* looks while a notification was outstanding for a long time */
struct step steps[STEPS_MAX];
struct result results[STEPS_MAX + 1]; /* the last: after open reservations were discarded */
unsigned char payload[2 * BYTES_MAX];

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

NOTIFY_SETTLE(ring)

/* Reading the time takes a while, so all rows together last beyond the deadline. */
REPEAT(wait_1, (__u32 what, __u64 deadline), answered == what || bpf_ktime_get_ns() > deadline)
REPEAT(wait_2, (__u32 what, __u64 deadline), wait_1(what, deadline))
REPEAT(wait_3, (__u32 what, __u64 deadline), wait_2(what, deadline))
REPEAT(wait_4, (__u32 what, __u64 deadline), wait_3(what, deadline))

/* Lets user space do `what`. */
__noinline int ask(__u32 what)
{
	__u64 deadline = bpf_ktime_get_ns() + WAIT_MAX_NS;

	if (late)
		return 0;
	asked = what;
	LOOP_ROW(i, ROW_MAX) {
		if (wait_4(what, deadline))
			break;
	}
	late = answered != what;
	return 0;
}

/* Indices have 64 bits, like a register: else the verifier loses their bounds. */
__noinline int look(__u64 i, __s64 ret)
{
	struct result *now;

	asm volatile("" : "+r"(i));
	if (i > STEPS_MAX)
		return 1;
	now = &results[i];
	if (!settle())
		unsettled++;
	now->ret = ret;
	for (__u32 kind = 0; kind < QUERIES; kind++)
		now->queries[kind] = bpf_ringbuf_query(&ring, kind);
	return ask((i + 1) << 1);
}

/* A step that opens and closes nothing. */
__noinline int plain(__u64 i)
{
	struct step *step;
	__u64 size;
	__s64 ret = -EDOM;

	asm volatile("" : "+r"(i));
	if (i >= STEPS_MAX)
		return 1;
	step = &steps[i];
	size = step->size;
	if (step->what == OUTPUT && size <= BYTES_MAX)
		ret = bpf_ringbuf_output(&ring, payload + (step->from & (BYTES_MAX - 1)), size,
					 step->flags);
	else if (step->what == QUERY)
		ret = bpf_ringbuf_query(&ring, step->flags);
	else if (step->what == RELEASE)
		ret = ask((i + 1) << 1 | 1);
	return look(i, ret);
}

/* Step i is done: look, and go on at label `to`. */
#define DONE(i, ret, to)  \
	{                 \
		look(i, ret); \
		goto to;  \
	}

#define CLOSES(n) (step->slot == n && (step->what == SUBMIT || step->what == DISCARD))
#define OPENS(n) (n < slots && step->slot == n && step->what == RESERVE)
#define SAMPLE (payload + (step->from & (BYTES_MAX - 1)))

/* At step i slot n is free; it stays so at label `stay`, and is held at label `to`. */
#define FREE(i, n, stay, to)                                                    \
	if (OPENS(n)) {                                                         \
		sample##n = bpf_ringbuf_reserve(&ring, size##n, step->flags);   \
		if (!sample##n)                                                 \
			DONE(i, 0, stay)                                        \
		if (step->written && size##n <= BYTES_MAX)                      \
			bpf_probe_read_kernel(sample##n, size##n, SAMPLE);      \
		DONE(i, 1, to)                                                  \
	}

/* At step i slot n is held; it is free at label `to`. */
#define HELD(i, n, to)                                                  \
	if (CLOSES(n)) {                                                \
		if (step->what == SUBMIT)                               \
			bpf_ringbuf_submit(sample##n, step->flags);     \
		else                                                    \
			bpf_ringbuf_discard(sample##n, step->flags);    \
		DONE(i, 1, to)                                          \
	}

/* The same for a dynptr. A reservation that was refused is released all the same. */
#define FREE_DYNPTR(i, n, stay, to)                                                     \
	if (OPENS(n)) {                                                                 \
		__u64 size = step->size;                                                \
		__s64 ret = bpf_ringbuf_reserve_dynptr(&ring, size, step->flags, &dynptr##n); \
		if (ret) {                                                              \
			bpf_ringbuf_discard_dynptr(&dynptr##n, 0);                      \
			DONE(i, ret, stay)                                              \
		}                                                                       \
		if (step->written && size <= BYTES_MAX)                                 \
			bpf_dynptr_write(&dynptr##n, 0, SAMPLE, size, 0);               \
		DONE(i, 0, to)                                                          \
	}

#define HELD_DYNPTR(i, n, to)                                                   \
	if (CLOSES(n)) {                                                        \
		if (step->what == SUBMIT)                                       \
			bpf_ringbuf_submit_dynptr(&dynptr##n, step->flags);     \
		else                                                            \
			bpf_ringbuf_discard_dynptr(&dynptr##n, step->flags);    \
		DONE(i, 1, to)                                                  \
	}

#define DROP(n) bpf_ringbuf_discard(sample##n, NO_WAKEUP);
#define DROP_DYNPTR(n) bpf_ringbuf_discard_dynptr(&dynptr##n, NO_WAKEUP);

/* Step i at label `here`: the same slots are held at labels `end` and `stay`. */
#define STATE(i, here, end, stay, slot0, slot1, slot2) \
	here: __attribute__((unused));                 \
	if (i >= steps_max || i >= count)              \
		goto end;                              \
	step = &steps[i];                              \
	slot0 slot1 slot2                              \
	plain(i);                                      \
	goto stay;

/* In a label, bit n of the digit is set if slot n is held. After it comes the step. */
#define STEP(i, j, FREE0, HELD0, FREE1, HELD1)                                              \
	STATE(i, s0_##i, e0, s0_##j, FREE0(i, 0, s0_##j, s1_##j), FREE1(i, 1, s0_##j, s2_##j), \
	      FREE1(i, 2, s0_##j, s4_##j))                                                  \
	STATE(i, s1_##i, e1, s1_##j, HELD0(i, 0, s0_##j), FREE1(i, 1, s1_##j, s3_##j),      \
	      FREE1(i, 2, s1_##j, s5_##j))                                                  \
	STATE(i, s2_##i, e2, s2_##j, FREE0(i, 0, s2_##j, s3_##j), HELD1(i, 1, s0_##j),      \
	      FREE1(i, 2, s2_##j, s6_##j))                                                  \
	STATE(i, s3_##i, e3, s3_##j, HELD0(i, 0, s2_##j), HELD1(i, 1, s1_##j),              \
	      FREE1(i, 2, s3_##j, s7_##j))                                                  \
	STATE(i, s4_##i, e4, s4_##j, FREE0(i, 0, s4_##j, s5_##j), FREE1(i, 1, s4_##j, s6_##j), \
	      HELD1(i, 2, s0_##j))                                                          \
	STATE(i, s5_##i, e5, s5_##j, HELD0(i, 0, s4_##j), FREE1(i, 1, s5_##j, s7_##j),      \
	      HELD1(i, 2, s1_##j))                                                          \
	STATE(i, s6_##i, e6, s6_##j, FREE0(i, 0, s6_##j, s7_##j), HELD1(i, 1, s4_##j),      \
	      HELD1(i, 2, s2_##j))                                                          \
	STATE(i, s7_##i, e7, s7_##j, HELD0(i, 0, s6_##j), HELD1(i, 1, s5_##j), HELD1(i, 2, s3_##j))

/* No loop: the verifier of 5.10 rejects a loop that is entered in the middle. */
#define STEPS(...)                                                          \
	goto s0_0; /* nothing is held */                                    \
	STEP(0, 1, __VA_ARGS__) STEP(1, 2, __VA_ARGS__)                     \
	STEP(2, 3, __VA_ARGS__) STEP(3, 4, __VA_ARGS__)                     \
	STEP(4, 5, __VA_ARGS__) STEP(5, 6, __VA_ARGS__)                     \
	STEP(6, 7, __VA_ARGS__) STEP(7, 8, __VA_ARGS__)                     \
	STEP(8, 9, __VA_ARGS__) STEP(9, 10, __VA_ARGS__)                    \
	STEP(10, 11, __VA_ARGS__) STEP(11, 12, __VA_ARGS__)                 \
	s0_12: goto e0;                                                     \
	s1_12: goto e1;                                                     \
	s2_12: goto e2;                                                     \
	s3_12: goto e3;                                                     \
	s4_12: goto e4;                                                     \
	s5_12: goto e5;                                                     \
	s6_12: goto e6;                                                     \
	s7_12: goto e7;

/* Label e0 is behind. */
#define END(DROP0, DROP1)  \
	e7: DROP0(0)       \
	e6: DROP1(1)       \
	e4: DROP1(2)       \
	goto e0;           \
	e5: DROP0(0)       \
	goto e4;           \
	e3: DROP0(0)       \
	e2: DROP1(1)       \
	goto e0;           \
	e1: DROP0(0)

/* Three reservations of fixed sizes. */
SEC("raw_tp")
int script(struct run *ctx)
{
	void *sample0, *sample1, *sample2;
	__u64 count = ctx->steps;
	struct step *step;

	STEPS(FREE, HELD, FREE, HELD)
	END(DROP, DROP)
e0:
	look(count, 0);
	return 0;
}

/* One reservation of a fixed size, and two dynptrs. */
SEC("raw_tp")
int script_dynptr(struct run *ctx)
{
	struct bpf_dynptr dynptr1, dynptr2;
	__u64 count = ctx->steps;
	struct step *step;
	void *sample0;

	STEPS(FREE, HELD, FREE_DYNPTR, HELD_DYNPTR)
	END(DROP, DROP_DYNPTR)
e0:
	look(count, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
