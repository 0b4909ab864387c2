// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Load for the exactly-once test: up to two producers, numbered 0 and 1, each in
 * its own test run on its own CPU, commit records of random kind and size.
 *
 * Record, native byte order, of `size` bytes:
 *   size    offset size field
 *   >= 16        0    8 word0     producer << 56 | seq
 *                8    8 check     mix(word0 ^ size)
 *               16  n-16 rest
 *   8..15        0    8 word0
 *                8   n-8 rest
 *   1..7         0    1 producer
 *                1   n-1 rest
 * `rest` is template_bytes from (seq * 8) & 0xfff8 on, with the producer's seq at
 * that moment. seq counts the producer's submitted records of 8 bytes or more, from 0
 * without a gap: a lost one shows as a gap, one delivered twice or out of order as a
 * step back. A discarded record holds what it would hold if it were submitted, so
 * that one delivered by mistake shows as a repeated seq.
 *
 * mix(x): x ^= x >> 30; x *= 0xbf58476d1ce4e5b9; x ^= x >> 27; x *= 0x94d049bb133111eb;
 * x ^= x >> 31 (the finaliser of splitmix64).
 *
 * The program is run by BPF_PROG_TEST_RUN, its arguments are the context. Loops are
 * bounded and in global functions, for the reason in loop.h: Linux 5.10 loads it.
 *
 * Needs Linux 5.10 (test runs of raw tracepoint programs); with_dynptr needs 5.19.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "loop.h"

#define LARGEST 65520            /* the largest sample of a ring of 64 KiB */
#define USUAL_MAX 512            /* of nearly all samples */
#define LARGE_ONE_IN 4096
#define TEMPLATE_BYTES (128 * 1024)
#define TEMPLATE_MASK 0xfff8     /* mask + LARGEST stays within the template */

struct produce {
	__u32 producer; /* 0 or 1 */
	__u32 attempts; /* at most LOOP_MAX */
	__u64 flags;    /* of each commit */
};

/* Set before loading: whether the kernel has dynptrs. If not, no record is made by one. */
const volatile __u32 with_dynptr = 0;

/* attempts == accepted_submitted + accepted_discarded + failed. 128 bytes: no shared line. */
struct producer {
	__u64 random; /* state of xorshift64; user space may seed it before the first run */
	__u64 seq;    /* of the next submitted record of 8 bytes or more */
	__u64 attempts;
	__u64 accepted_submitted;
	__u64 accepted_discarded;
	__u64 failed;
	__u64 submitted_bytes;    /* of samples, headers not counted */
	__u64 submitted_small[8]; /* by size 0..7: records without a seq */
	__u64 padding;
} __attribute__((aligned(128)));

struct producer producers[2]; /* each written by its own producer only */

/* Filled by user space before the first run, with random bytes. */
unsigned char template_bytes[TEMPLATE_BYTES] SEC(".data");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

/* A sample under construction; each producer has its own. */
struct sample {
	__u64 word0;
	__u64 check;
	unsigned char rest[64 * 1024]; /* begins earlier in a record of less than 16 bytes */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct sample);
} scratch SEC(".maps");

enum kind {
	RESERVE_SUBMIT,
	RESERVE_DISCARD,
	OUTPUT,
	DYNPTR_SUBMIT,
	DYNPTR_DISCARD,
	KINDS,
	KINDS_WITHOUT_DYNPTR = DYNPTR_SUBMIT,
};

enum outcome { REFUSED, SUBMITTED, DISCARDED };

static const __u32 constant_sizes[16] = {
	0, 1, 7, 8, 9, 16, 24, 33, 64, 100, 128, 200, 256, 384, 511, 512,
};

static __always_inline __u64 next_random(struct producer *self, __u32 number)
{
	__u64 x = self->random;

	if (!x)
		x = 0x9e3779b97f4a7c15ULL * (number + 1);
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	self->random = x;
	return x;
}

static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static __always_inline void build(struct sample *sample, __u32 number, __u64 seq, __u64 size)
{
	__u64 fixed = size >= 16 ? 16 : size >= 8 ? 8 : size ? 1 : 0;
	__u64 word0 = (__u64)number << 56 | seq;
	unsigned char *bytes = (unsigned char *)sample;

	sample->word0 = word0;
	sample->check = mix(word0 ^ size);
	if (size < 8)
		bytes[0] = number;
	bpf_probe_read_kernel(bytes + fixed, (size - fixed) & 0xffff,
			      template_bytes + ((seq * 8) & TEMPLATE_MASK));
}

/* Reserves `size_`, which the verifier wants constant. */
#define TRY(size_)                                                   \
	case size_: {                                                \
		void *to = bpf_ringbuf_reserve(&ring, size_, 0);     \
		if (!to)                                             \
			return REFUSED;                              \
		bpf_probe_read_kernel(to, size_, sample);            \
		if (discard) {                                       \
			bpf_ringbuf_discard(to, flags);              \
			return DISCARDED;                            \
		}                                                    \
		bpf_ringbuf_submit(to, flags);                       \
		return SUBMITTED;                                    \
	}

static __always_inline enum outcome by_reserve(struct sample *sample, __u64 size, bool discard,
					       __u64 flags)
{
	switch (size) {
	TRY(0)
	TRY(1)
	TRY(7)
	TRY(8)
	TRY(9)
	TRY(16)
	TRY(24)
	TRY(33)
	TRY(64)
	TRY(100)
	TRY(128)
	TRY(200)
	TRY(256)
	TRY(384)
	TRY(511)
	TRY(512)
	TRY(4080)
	TRY(LARGEST)
	}
	return REFUSED;
}

static __always_inline enum outcome by_output(struct sample *sample, __u64 size, __u64 flags)
{
	return bpf_ringbuf_output(&ring, sample, size, flags) ? REFUSED : SUBMITTED;
}

static __always_inline enum outcome by_dynptr(struct sample *sample, __u64 size, bool discard,
					      __u64 flags)
{
	struct bpf_dynptr to;

	if (bpf_ringbuf_reserve_dynptr(&ring, size, 0, &to)) {
		/* A reservation that was refused is released all the same. */
		bpf_ringbuf_discard_dynptr(&to, 0);
		return REFUSED;
	}
	bpf_dynptr_write(&to, 0, sample, size, 0);
	if (discard) {
		bpf_ringbuf_discard_dynptr(&to, flags);
		return DISCARDED;
	}
	bpf_ringbuf_submit_dynptr(&to, flags);
	return SUBMITTED;
}

static __always_inline __u64 draw_size(__u64 random, bool constant)
{
	bool large = random % LARGE_ONE_IN == 0;

	random >>= 16;
	if (constant)
		return large ? (random & 1 ? 4080 : LARGEST) : constant_sizes[random & 15];
	return (__u32)random % ((large ? LARGEST : USUAL_MAX) + 1);
}

static __always_inline void count(struct producer *self, enum outcome outcome, __u64 size)
{
	self->attempts++;
	if (outcome == REFUSED) {
		self->failed++;
	} else if (outcome == DISCARDED) {
		self->accepted_discarded++;
	} else {
		self->accepted_submitted++;
		self->submitted_bytes += size;
		if (size >= 8) {
			self->seq++;
			return;
		}
		/* The mask is for the verifier of 6.1; the compiler must not find it redundant. */
		asm volatile("" : "+r"(size));
		self->submitted_small[size & 7]++;
	}
}

__noinline int attempt(__u32 number, __u64 flags)
{
	__u32 key = number & 1;
	struct producer *self = &producers[key];
	struct sample *sample = bpf_map_lookup_elem(&scratch, &key);
	enum outcome outcome;
	__u32 kind;
	__u64 size; /* 64 bits, like a register: else the verifier loses its bounds */

	if (!sample)
		return 1;
	kind = (__u32)(next_random(self, key) >> 32);
	kind %= with_dynptr ? KINDS : KINDS_WITHOUT_DYNPTR;
	size = draw_size(next_random(self, key), kind == RESERVE_SUBMIT || kind == RESERVE_DISCARD);
	asm volatile("" : "+r"(size));
	if (size > LARGEST)
		return 1;
	build(sample, key, self->seq, size);
	switch (kind) {
	case RESERVE_SUBMIT:
	case RESERVE_DISCARD:
		outcome = by_reserve(sample, size, kind == RESERVE_DISCARD, flags);
		break;
	case OUTPUT:
		outcome = by_output(sample, size, flags);
		break;
	default:
		if (!with_dynptr)
			return 1;
		outcome = by_dynptr(sample, size, kind == DYNPTR_DISCARD, flags);
	}
	count(self, outcome, size);
	return 0;
}

/* 1 if an attempt could not be made, which the types of the maps exclude. */
__noinline int attempt_row(__u32 attempts, __u32 number, __u64 flags)
{
	LOOP_ROW(i, attempts) {
		if (attempt(number, flags))
			return 1;
	}
	return 0;
}

/* Returns 0, or 1 if attempts is above LOOP_MAX. */
SEC("raw_tp")
int produce(struct produce *ctx)
{
	__u32 attempts = ctx->attempts, number = ctx->producer;
	__u64 flags = ctx->flags;

	if (attempts > LOOP_MAX)
		return 1;
	LOOP_ROWS(row, attempts) {
		if (attempt_row(ROW_LENGTH(row, attempts), number, flags))
			return 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
