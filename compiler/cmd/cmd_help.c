/* What --help prints: the first screen, and a page for each command. */
#include "cmd/cmd.h"

static const char main_head[] =
	"msb-policyc: check, explain, test, compare and compile network policies of microVM sandboxes\n\n";
static const char main_tail[] =
	"\n"
	"A rule     allow@public:tcp:443  deny@10.0.0.0/8  allow:ingress@private:tcp:80  'allow@*.x.org'\n"
	"A flow     egress@github.com:tcp:443  ingress@192.168.1.7:tcp:80  dns@x.org  answer@10.0.0.5\n"
	"Groups     public private loopback link-local meta multicast host; dns is lookups, any is everything\n"
	"FILE       .msb, or microsandbox's .json/.yaml; - is standard input; may be left out\n"
	"\n"
	"  --net-rule RULES        rules before the file's (repeatable, comma-separated; quote them)\n"
	"  --net-default ACTION    and --net-default-egress, -ingress\n"
	"                          with no file and no --net…: allow@dns, allow@public, deny the rest\n"
	"  --format FORMAT         text json, and check: sarif github; diff: markdown; test: tap junit\n"
	"  --color WHEN            auto (default; heeds NO_COLOR), always, never\n"
	"\n"
	"Status: 0 fine; 1 errors, a failed expectation, a difference; 2 usage; 3 file or system failure.\n"
	"More: msb-policyc COMMAND --help. What an id means: msb-policyc check --explain shadowed-rule\n";

void cmd_help_main(FILE *out, const struct cmd *cmds, size_t count)
{
	fputs(main_head, out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  msb-policyc %-8s %-17s %s\n", cmds[i].name, cmds[i].arguments, cmds[i].what);
	fputs(main_tail, out);
}

#define POLICY_OPTIONS                                                                                                      \
	"\nThe policy, besides FILE (the same for every command and for msb-run):\n"                                        \
	"  --policy FILE           the same as a plain FILE\n"                                                              \
	"  --net-rule RULES        rules before the file's (repeatable, comma-separated; quote them)\n"                     \
	"  --net PROFILES          public, private, host; or all, or none\n"                                                \
	"  --no-net                deny what no rule allows, in both directions\n"                                          \
	"  --net-default ACTION    allow or deny; and --net-default-egress, --net-default-ingress\n"                        \
	"  -p [BIND:]HOST:GUEST[/udp]   publish a port of the guest; ranges: 8000-8002:80-82\n"                             \
	"  --tcp-accept-queue-size N    connections that wait for a published port, 1024 if not given\n"                    \
	"  --dns-nameserver ADDR   --dns-query-timeout-ms N   --no-dns-rebind-protection\n"                                 \
	"  --dns-binding-minimum T how long an address that was answered holds at least: 60s; 0 is its TTL\n"               \
	"  --net-ipv4-pool CIDR    --net-ipv6-pool CIDR\n"                                                                  \
	"  --max-tcp-connections N --max-udp-connections N   at once (4096 each; 0: no bound); --max-connections N: both\n" \
	"  --max-connection-rate N new connections a second (250)\n"                                                        \
	"  --net-egress-bandwidth RATE   bytes, 1M/1s; --net-egress-ops RATE   packets, 1000/1s; and -ingress-\n"           \
	"  --net-egress-bandwidth-burst SIZE   once on top; the same for each of the four\n"                                \
	"  --net-ipv4-address ADDR --net-ipv6-address ADDR   --net-mac MAC   --net-mtu N: the guest's card\n"               \
	"  --net-nat64-prefix CIDR the network's own, whose addresses are classed as what they carry\n"                     \
	"  --floor FILE            a policy that every flow must pass too, and that nothing lifts (repeatable)\n"           \
	"  --deployment-profile single-tenant|multi-tenant\n"                                                               \
	"  --include-root DIR      where includes may lie (also --allow-include); else the file's own directory\n"          \
	"  --stdin-name NAME       what standard input is called in places, and where its includes start\n"                 \
	"  --today YYYY-MM-DD      judge `until` as of this day\n"

/* Of the commands that judge flows */
#define FLOW_OPTIONS                                                                             \
	"  --gateway V4,V6|none    the sandbox's gateway (default 172.16.0.1,fd42:6d73:62::1)\n" \
	"  --resolve NAME=ADDR,…   what the guest was answered for NAME (repeatable)\n"        \
	"  --sni NAME              the server name in the TLS client's first message\n"
#define FLOWS                                                                                                          \
	"Flows:  egress@github.com:tcp:443   egress@[2606:4700::1111]:udp:53   ingress@192.168.1.7:tcp:80\n"           \
	"        egress@10.0.0.1:icmpv4      dns@example.com[:udp|tcp|dot]     answer@10.0.0.5\n" POLICY_OPTIONS       \
	"\nStatus: 0 whatever the verdict; 1 errors in the policy; 2 usage, a flow that is none; 3 a file could not\n" \
	"be read.\n"

static const char check_help[] =
	"msb-policyc check [FILE...] [policy options]: what is wrong or risky\n"
	"\n"
	"  --format text|json|sarif|github\n"
	"  --werror                a warning makes the status 1, as an error does\n"
	"  --disable ID            leave out findings of this id (repeatable)\n"
	"  --explain ID            what an id means, a file that raises it, and the mended one\n"
	"  --color auto|always|never\n"
	"\n"
	"In a file, `# lint: ignore ID reason` on the line or the line above silences one finding.\n" POLICY_OPTIONS
	"\nStatus: 0 no errors; 1 errors (with --werror, warnings); 2 usage; 3 a file could not be read.\n";

static const char compile_help[] =
	"msb-policyc compile [FILE] [policy options]: the policy as another form of it\n"
	"\n"
	"  --emit nft              nftables text, the default: nft -f loads it\n"
	"  --emit dns              which names the guest may look up, for reading\n"
	"  --emit json             microsandbox's policy shape\n"
	"  --emit rpz              the verdicts on names as a response-policy zone: unbound, BIND, Knot Resolver\n"
	"  --emit dnsmasq          a configuration of dnsmasq that answers so and fills the ruleset's sets\n"
	"  --emit ast|policy|ir    a stage of the compiler, for reading\n"
	"  -O 0                    one nftables rule per policy rule, family and chain\n"
	"  --gateway V4,V6         the sandbox's gateway (default 172.16.0.1,fd42:6d73:62::1); one of them, or none\n"
	"  -o DIR                  write files into DIR, all or none: ruleset.nft, names.dns, policy.json,\n"
	"                          policy.txt; with --emit, that one\n"
	"\n"
	"The output depends on the policy, the gateway and these options, on nothing else.\n" POLICY_OPTIONS
	"\nStatus: 0 compiled; 1 errors in the policy; 2 usage; 3 a file could not be read or written.\n";

static const char eval_help[] =
	"msb-policyc eval [FILE] [policy options] FLOW... | --batch: verdicts, a line a flow\n"
	"\n"
	"Prints, tab-separated: allow or deny; the rule's number (from 1, in the final order), `default`, `floor` or\n"
	"`refused`; its place; its text. An answer's second field is not-reserved, excepted or reserved.\n"
	"\n"
	"  --batch                 flows from standard input, one a line: FLOW [resolve=NAME=ADDR,…;NAME2=…] [sni=NAME]\n"
	"                          a line that is no flow is answered `error`, a tab, and why\n" FLOW_OPTIONS
	"  --format text|json      json adds the class of the address, the verdict at SYN time\n"
	"\n" FLOWS;

static const char test_help[] =
	"msb-policyc test [FILE...] [policy options]: run the policy's `expect` lines\n"
	"\n"
	"Says which failed and by which rule, then which rules, targets and ports no expectation decides, each with a\n"
	"line to paste.\n"
	"\n"
	"  --expect FILE           a file of more `expect` lines (repeatable)\n"
	"  --min-coverage PERCENT  status 1 when fewer of the items are decided by an expectation\n"
	"  --verbose, -v           name every gap, the items of undecided rules too\n"
	"  --gateway V4,V6|none    the sandbox's gateway (default 172.16.0.1,fd42:6d73:62::1)\n"
	"  --format text|json|tap|junit\n" POLICY_OPTIONS
	"\nStatus: 0 all hold; 1 some fail, there are none, or the policy has errors; 2 usage; 3 a file could not\n"
	"be read.\n";

static const char explain_help[] =
	"msb-policyc explain [FILE] [policy options] FLOW...: would this pass, and by which rule\n"
	"\n"
	"Every rule considered, and why it did or did not match: for a name first the lookup, then the connection.\n"
	"\n"
	"  --rule N                instead of a flow: what rule N alone decides, with an example\n" FLOW_OPTIONS
	"  --format text|json\n"
	"\n" FLOWS;

static const char diff_help[] =
	"msb-policyc diff OLD NEW [policy options]: which flows change verdict, each with an example\n"
	"\n"
	"  --format text|json|markdown   markdown fits a comment on a pull request\n"
	"  --fail-on any|opened|none     what makes the status 1 (default any)\n"
	"\n"
	"  git show main:agent.msb | msb-policyc diff - agent.msb\n" POLICY_OPTIONS
	"\nStatus: 0 no difference; 1 a difference, errors in a policy; 2 usage; 3 a file could not be read.\n";

static const char fmt_help[] =
	"msb-policyc fmt FILE...: canonical layout, comments and meaning kept\n"
	"\n"
	"  --check                 change nothing; status 1 when a file would change, naming it\n"
	"  --diff                  change nothing; show what would change\n"
	"\nStatus: 0 fine; 1 a file would change or has errors; 2 usage; 3 a file could not be read or written.\n";

const char *cmd_help_page(enum cmd_id id)
{
	return id == CMD_CHECK   ? check_help :
	       id == CMD_COMPILE ? compile_help :
	       id == CMD_EVAL    ? eval_help :
	       id == CMD_TEST    ? test_help :
	       id == CMD_EXPLAIN ? explain_help :
	       id == CMD_DIFF    ? diff_help :
				   fmt_help;
}
