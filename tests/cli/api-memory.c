/* What the library does where the Nth allocation fails, and where all from the Nth on do: for each N a process of its own, which
 * does everything with a policy. It ends with status 3, as the header says, or says an error, or has the same results as with
 * memory. usage: api-memory POLICY */
#define _GNU_SOURCE
#include <msbpolicy.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

static unsigned long allocations, fails_at;
static int fails_on;

static int fails(void)
{
	allocations++;
	if (!fails_at || allocations < fails_at || (allocations > fails_at && !fails_on))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

enum { SAME = 0, WITHOUT_MEMORY = 3, ERROR = 4, OTHER = 5 };

/* Of all results, in the order in which they come */
static unsigned long sum;

static void add(const char *text)
{
	for (; *text; text++)
		sum = sum * 31 + (unsigned char)*text;
}

static void must(int status)
{
	if (status)
		_exit(ERROR);
}

static unsigned long everything(const char *path)
{
	static const char *const flows[] = { "egress@10.0.0.7:tcp:443", "egress@a.example:tcp:443", "dns@b.example" };
	msbpolicy *policy, *other;
	msbpolicy_findings *findings;
	struct msbpolicy_difference *difference;
	struct msbpolicy_verdict *verdict;
	char *text;

	sum = 1;
	must(msbpolicy_load_file(path, NULL, 0, &policy, NULL));
	must(msbpolicy_load_file(NULL, NULL, 0, &other, NULL));
	must(msbpolicy_check(policy, &findings, NULL));
	add(msbpolicy_findings_json(findings));
	msbpolicy_findings_free(findings);
	for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
		must(msbpolicy_evaluate(policy, flows[i], &verdict, NULL));
		add(verdict->json);
		msbpolicy_verdict_free(verdict);
		must(msbpolicy_explain(policy, flows[i], MSBPOLICY_FORMAT_JSON, &text, NULL));
		add(text);
		msbpolicy_text_free(text);
	}
	must(msbpolicy_compile(policy, MSBPOLICY_DNS, &text, NULL));
	add(text);
	msbpolicy_text_free(text);
	must(msbpolicy_compile(policy, MSBPOLICY_NFT, &text, NULL));
	add(text);
	msbpolicy_text_free(text);
	must(msbpolicy_diff(policy, other, &difference, NULL));
	add(difference->json);
	msbpolicy_difference_free(difference);
	msbpolicy_free(policy);
	msbpolicy_free(other);
	return sum;
}

static int with_failure(const char *path, unsigned long wanted, unsigned long at, int on)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();

	if (!pid) {
		fails_at = at;
		fails_on = on;
		allocations = 0;
		_exit(everything(path) == wanted ? SAME : OTHER);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The program's own jansson answers NULL, as without the library */
static int is_left_alone(void)
{
	allocations = 0;
	fails_at = 1;
	fails_on = 1;
	json_t *made = json_array();
	fails_at = 0;
	return !made;
}

int main(int argc, char **argv)
{
	unsigned long wanted, most, counts[6] = { 0 };
	int wrong = 0;

	if (argc != 2)
		return 2;
	wanted = everything(argv[1]);
	wanted = (allocations = 0, everything(argv[1]));
	most = allocations;
	for (int on = 0; on < 2; on++)
		for (unsigned long at = 1; at <= most; at += 1 + most / 500) {
			int got = with_failure(argv[1], wanted, at, on);
			if (got == SAME || got == WITHOUT_MEMORY || got == ERROR) {
				counts[got]++;
				continue;
			}
			printf("allocation %lu of %lu fails%s: %s %d\n", at, most, on ? ", and those behind it" : "",
			       got == OTHER ? "other results" :
			       got < 0      ? "signal" :
					      "status",
			       got);
			wrong = 1;
		}
	if (!is_left_alone()) {
		puts("the program's own jansson does not answer NULL");
		wrong = 1;
	}
	printf("%lu allocations: %lu ended, %lu errors, %lu the same\n", most, counts[WITHOUT_MEMORY], counts[ERROR],
	       counts[SAME]);
	return wrong || !counts[WITHOUT_MEMORY];
}
