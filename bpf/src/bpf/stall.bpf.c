// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A program that reserves a record, and sleeps before it submits it: it copies the record
 * from user space, and waits there as long as user space does not supply the page.
 *
 * Records: 64 bytes as in user space (program `stall`); the number of the record, 8 bytes
 * (program `emit`).
 *
 * The programs are run by BPF_PROG_TEST_RUN, their arguments are the context.
 *
 * Needs Linux 5.14 (programs of type syscall, which may sleep).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LEN 64

struct stall {
	__u64 from; /* an address of the process that runs the program */
};

struct emit {
	__u64 number;
	__u64 flags; /* of the output */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Returns 0, 1 if there is no room, 2 if there is nothing at the address. */
SEC("syscall")
int stall(struct stall *ctx)
{
	void *record = bpf_ringbuf_reserve(&ring, LEN, 0);
	long failed;

	if (!record)
		return 1;
	failed = bpf_copy_from_user(record, LEN, (void *)ctx->from);
	if (failed) {
		bpf_ringbuf_discard(record, 0);
		return 2;
	}
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("syscall")
int emit(struct emit *ctx)
{
	__u64 number = ctx->number;

	return bpf_ringbuf_output(&ring, &number, sizeof(number), ctx->flags) != 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
