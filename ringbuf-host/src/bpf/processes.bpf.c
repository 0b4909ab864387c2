// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The processes that hold or map the ring buffer maps of this machine. The kernel shows those of
 * the reader's PID namespace, and `pid` is their number there.
 *
 * Read `learn` first, with `OWN_FD` set to a descriptor of a map of the reading process: the
 * operations of that file are those of all maps (`bpf_map_fops` is not a ksym).
 *
 * Needs Linux 5.8 with BTF, on a 64-bit machine; `mapped` needs 5.12.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "kernel.h"

#define VM_WRITE 2

/* 40 bytes. */
struct process {
	__u64 offset;   /* of a mapping in the map, in pages */
	__u32 map;
	__u32 pid;
	__u32 writable; /* 1 if the mapping may be stored to */
	__u32 zero;
	char comm[16];
};

/* LEVEL: of the PID namespace of the reader; 0 if it sees all processes. */
enum { OWN_FD, OPERATIONS, LEVEL, SLOTS };

/* Not global variables: libbpf would map those writable into the process. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} state SEC(".maps");

static __always_inline __u64 *slot(__u32 number)
{
	return bpf_map_lookup_elem(&state, &number);
}

/* The ring behind a file; NULL if it is of something else. */
static __always_inline struct bpf_map *ring_of(struct file *file)
{
	__u64 *operations = slot(OPERATIONS);
	struct bpf_map *map;

	if (!file || !operations || !*operations)
		return NULL;
	if ((__u64)BPF_CORE_READ(file, f_op) != *operations)
		return NULL;
	map = BPF_CORE_READ(file, private_data);
	return is_ring(BPF_CORE_READ(map, map_type)) ? map : NULL;
}

/* The process as its reader numbers it: the number in the innermost namespace of the reader. */
static __always_inline __u32 pid_here(struct task_struct *task)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(reader, thread_pid, level);
	struct upid *numbers = (void *)__builtin_preserve_access_index(&pid->numbers);

	if (level > BPF_CORE_READ(pid, level))
		return 0;
	numbers = (void *)numbers + level * bpf_core_type_size(struct upid);
	return BPF_CORE_READ(numbers, nr);
}

static __always_inline void describe(struct process *process, struct task_struct *task,
				     struct bpf_map *map)
{
	process->map = BPF_CORE_READ(map, id);
	process->pid = pid_here(task);
	BPF_CORE_READ_STR_INTO(&process->comm, task, group_leader, comm);
}

SEC("iter/task_file")
int learn(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	__u64 *own_fd = slot(OWN_FD), *operations = slot(OPERATIONS), *level = slot(LEVEL);

	if (!task || !file || !own_fd || !operations || !level || ctx->fd != *own_fd)
		return 0;
	if (BPF_CORE_READ(task, tgid) != bpf_get_current_pid_tgid() >> 32)
		return 0;
	*operations = (__u64)BPF_CORE_READ(file, f_op);
	*level = BPF_CORE_READ(task, thread_pid, level);
	return 0;
}

SEC("iter/task_file")
int holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct process process = {};
	struct bpf_map *map;

	if (!task || !file)
		return 0;
	map = ring_of(file);
	if (!map)
		return 0;
	describe(&process, task, map);
	bpf_seq_write(ctx->meta->seq, &process, sizeof(process));
	return 0;
}

SEC("iter/task_vma")
int mapped(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct process process = {};
	struct bpf_map *map;

	if (!task || !vma)
		return 0;
	map = ring_of(BPF_CORE_READ(vma, vm_file));
	if (!map)
		return 0;
	describe(&process, task, map);
	process.offset = BPF_CORE_READ(vma, vm_pgoff);
	process.writable = !!(BPF_CORE_READ(vma, vm_flags) & VM_WRITE);
	bpf_seq_write(ctx->meta->seq, &process, sizeof(process));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
