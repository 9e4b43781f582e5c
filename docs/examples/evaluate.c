/* Asks a policy about flows: evaluate POLICY FLOW…
 *
 *     cc -o evaluate evaluate.c $(pkg-config --cflags --libs msbpolicy)
 *
 * Ends with 0 where all of them pass, 1 where one does not, more after an error. */
#include <msbpolicy.h>

#include <stdio.h>

static int failed(int status, char *error)
{
	fprintf(stderr, "evaluate: %s\n", error);
	msbpolicy_text_free(error);
	return status + 1;
}

static int ask(msbpolicy *policy, const char *flow)
{
	struct msbpolicy_verdict *verdict;
	char *error;
	int status = msbpolicy_evaluate(policy, flow, &verdict, &error);

	if (status != MSBPOLICY_OK)
		return failed(status, error);
	printf("%s: %s by %s, %s (%s)\n", flow, verdict->allowed ? "allow" : "deny", verdict->decider, verdict->text,
	       verdict->place ? verdict->place : "built in");
	status = verdict->allowed ? 0 : 1;
	msbpolicy_verdict_free(verdict);
	return status;
}

int main(int argc, char **argv)
{
	msbpolicy *policy;
	char *error;
	int status, worst = 0;

	if (argc < 3) {
		fputs("usage: evaluate POLICY FLOW...\n", stderr);
		return 2;
	}
	status = msbpolicy_load_file(argv[1], NULL, 0, &policy, &error);
	if (status != MSBPOLICY_OK) {
		msbpolicy_free(policy);
		return failed(status, error);
	}
	for (int i = 2; i < argc; i++) {
		status = ask(policy, argv[i]);
		worst = status > worst ? status : worst;
	}
	msbpolicy_free(policy);
	return worst;
}
