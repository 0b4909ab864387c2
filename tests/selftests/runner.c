/* Runs the kernel's selftests of ring buffers: prints a line for each subtest. */
#include <stdarg.h>
#include <sys/wait.h>

#include "test_progs.h"

void test_ringbuf(void);
void test_ringbuf_multi(void);
void test_user_ringbuf(void);

/* Seconds until a subtest that hangs is ended. */
#define HANGS 60

static bool child;
static const char *running;
static bool wrong;

/* The child writes why it failed; its parent writes the result. */
bool test__start_subtest(const char *name)
{
	int status = 0;
	pid_t pid;

	if (child)
		_exit(wrong);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		child = true;
		running = name;
		alarm(HANGS);
		return true;
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("runner");
		exit(2);
	}
	if (WIFSIGNALED(status))
		printf("reason %s: ended by signal %d\n", name, WTERMSIG(status));
	printf("%s %s\n", status == 0 ? "pass" : "fail", name);
	return false;
}

void failed(const char *format, ...)
{
	char text[300];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	text[strcspn(text, "\n")] = 0;
	printf("reason %s: %s\n", running, text);
	fflush(stdout);
	wrong = true;
}

bool noted(bool holds, const char *name, long found, long wanted)
{
	int error = errno;

	if (!holds)
		failed("%s: found %ld, compared with %ld, errno %d", name, found, wanted, error);
	errno = error;
	return holds;
}

static int silent(enum libbpf_print_level level, const char *format, va_list values)
{
	return 0;
}

/* The end of the last subtest of a test. */
static void end(void)
{
	if (child)
		_exit(wrong);
}

int main(void)
{
	libbpf_set_print(silent);
	test_ringbuf();
	end();
	if (test__start_subtest("ringbuf_multi"))
		test_ringbuf_multi();
	end();
	test_user_ringbuf();
	end();
	return 0;
}
