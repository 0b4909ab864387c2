// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The load of the benchmark: many records in one run, or one record, as fast as the
 * helpers allow.
 *
 * Record, native byte order, of `size` bytes, a multiple of 8:
 *   offset size field
 *        0    8 sequence  how many records were submitted before it, counted by the caller
 *        8    8 stamp     bpf_ktime_get_ns() just before the submit, if STAMP is asked for and
 *                         the record has 16 bytes; otherwise as the rest
 *       16  n-16 rest     every word is the sequence
 *
 * The program is run by BPF_PROG_TEST_RUN. Its arguments are the context. The kernel
 * copies the context back, so the caller's copy has the counts.
 *
 * Needs Linux 5.17 (bpf_loop).
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define MIXED_DISCARD_ONE_IN 16

enum option {
	STAMP = 1,      /* write the time of the submit */
	UNTIL_FULL = 2, /* stop at the first refusal */
};

struct produce {
	__u32 count;    /* records to try, at most 1 << 23 */
	__u32 size;     /* 8, 64, 256 or 4096; 0 draws one for each record, and discards some */
	__u64 flags;    /* of each submit */
	__u64 options;  /* of enum option */
	/* The program continues from these values, and leaves them for the next run. */
	__u64 sequence; /* records submitted */
	__u64 refused;  /* reservations refused */
	__u64 bytes;    /* of submitted samples, headers not counted */
	__u64 sum;      /* of the first word of each 64 bytes of submitted samples */
	__u64 random;   /* state of the draws */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} ring SEC(".maps");

static __always_inline long fill(struct produce *run, __u64 *to, const __u32 size, bool discard)
{
	__u64 sequence = run->sequence;

	if (!to) {
		run->refused++;
		return run->options & UNTIL_FULL ? 1 : 0;
	}
	for (__u32 i = 0; i < size / 8; i++)
		to[i] = sequence;
	if (discard) {
		bpf_ringbuf_discard(to, run->flags);
		return 0;
	}
	run->sequence = sequence + 1;
	run->bytes += size;
	run->sum += sequence * ((size + 63) / 64);
	if (size >= 16 && run->options & STAMP)
		to[1] = bpf_ktime_get_ns();
	bpf_ringbuf_submit(to, run->flags);
	return 0;
}

/* Reserves `size_`, which the verifier wants constant. */
#define RECORD(size_, discard) fill(run, bpf_ringbuf_reserve(&ring, size_, 0), size_, discard)

static __always_inline long mixed(struct produce *run)
{
	__u64 draw;
	bool discard;

	run->random = run->random * 6364136223846793005ULL + 1442695040888963407ULL;
	draw = run->random >> 33;
	discard = (draw >> 8) % MIXED_DISCARD_ONE_IN == 0;
	switch (draw & 7) {
	case 0:
		return RECORD(8, discard);
	case 1:
		return RECORD(16, discard);
	case 2:
		return RECORD(32, discard);
	case 3:
		return RECORD(56, discard);
	case 4:
		return RECORD(104, discard);
	case 5:
		return RECORD(200, discard);
	case 6:
		return RECORD(328, discard);
	default:
		return RECORD(512, discard);
	}
}

static long one(__u64 index, struct produce *run)
{
	switch (run->size) {
	case 8:
		return RECORD(8, false);
	case 64:
		return RECORD(64, false);
	case 256:
		return RECORD(256, false);
	case 4096:
		return RECORD(4096, false);
	default:
		return mixed(run);
	}
}

/* Returns 0, or 1 if there is no such size. */
SEC("syscall")
int produce(struct produce *ctx)
{
	/* The loop wants its context on the stack. */
	struct produce run = *ctx;

	if (run.size != 0 && run.size != 8 && run.size != 64 && run.size != 256 && run.size != 4096)
		return 1;
	bpf_loop(run.count, one, &run, 0);
	*ctx = run;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
