/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * After the loader of "Using the BPF ring buffer" by Lorenzo Fontana: the same calls of the
 * ring buffer, and those of libbpf 1.0 for the ones that it has removed.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <unistd.h>

struct event {
	__u32 pid;
	char filename[16];
};

static int buf_process_sample(void *ctx, void *data, size_t len)
{
	struct event *evt = data;

	(void)ctx, (void)len;
	printf("%d %s\n", evt->pid, evt->filename);
	return 0;
}

int main(int argc, char *argv[])
{
	struct bpf_object *obj = bpf_object__open_file(argc > 1 ? argv[1] : "program.o", NULL);
	struct ring_buffer *ring_buffer;
	struct bpf_program *prog;
	int buffer_map_fd;

	/* The test reads the lines from a file, as they come. */
	setlinebuf(stdout);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "failed to load the program\n");
		return 1;
	}
	buffer_map_fd = bpf_object__find_map_fd_by_name(obj, "buffer");
	ring_buffer = ring_buffer__new(buffer_map_fd, buf_process_sample, NULL, NULL);
	if (!ring_buffer) {
		fprintf(stderr, "failed to create ring buffer\n");
		return 1;
	}
	prog = bpf_object__find_program_by_name(obj, "sys_enter_execve");
	if (!prog || !bpf_program__attach_tracepoint(prog, "syscalls", "sys_enter_execve")) {
		fprintf(stderr, "failed to find tracepoint\n");
		return 1;
	}
	while (1) {
		ring_buffer__consume(ring_buffer);
		sleep(1);
	}
	return 0;
}
