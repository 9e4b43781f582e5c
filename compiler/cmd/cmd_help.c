/* What --help prints: the first screen, and a page for each command. */
#include "cmd/cmd.h"

static const char main_head[] = "msb-policyc COMMAND: check, explain, test, compare and compile the network\n"
				"policies of microVM sandboxes\n\n";
static const char main_tail[] = "\n"
				"A rule     allow@public:tcp:443  deny@10.0.0.0/8  allow:ingress@private:tcp:80\n"
				"           'allow@*.x.org'\n"
				"A flow     egress@github.com:tcp:443  ingress@192.168.1.7:tcp:80  dns@x.org\n"
				"           answer@10.0.0.5\n"
				"Groups     public private loopback link-local meta multicast host; dns is\n"
				"           lookups, any is everything\n"
				"FILE       .msb, microsandbox's .json/.yaml, a NetworkPolicy or Cilium's; - is\n"
				"           standard input; may be left out\n"
				"\n"
				"  --net-rule RULES        rules before the file's (repeatable, comma-separated;\n"
				"                          quote them)\n"
				"  --net-default ACTION    and --net-default-egress, -ingress; with no file and\n"
				"                          no --net…: allow@dns, allow@public, deny the rest\n"
				"  --format FORMAT         text json, and check: sarif github; diff: markdown;\n"
				"                          test: tap junit\n"
				"  --color WHEN            auto (default; heeds NO_COLOR), always, never\n"
				"\n"
				"Status: 0 fine; 1 errors, a failed expectation, a difference; 2 usage; 3 file or\n"
				"        system failure.\n"
				"More: msb-policyc COMMAND --help\n"
				"What an id means: msb-policyc check --explain shadowed-rule\n";

void cmd_help_main(FILE *out, const struct cmd *cmds, size_t count)
{
	fputs(main_head, out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %-8s %-18s %s\n", cmds[i].name, cmds[i].arguments, cmds[i].what);
	fputs(main_tail, out);
}

#define POLICY_OPTIONS                                                                       \
	"\nThe policy, besides FILE (the same for every command and for msb-run):\n"         \
	"  --policy FILE           the same as a plain FILE\n"                               \
	"  --net-rule RULES        rules before the file's (repeatable, comma-separated;\n"  \
	"                          quote them)\n"                                            \
	"  --net PROFILES          public, private, host; or all, or none\n"                 \
	"  --no-net                deny what no rule allows, in both directions\n"           \
	"  --net-default ACTION    allow or deny; and --net-default-egress,\n"               \
	"                          --net-default-ingress\n"                                  \
	"  -p [BIND:]HOST:GUEST[/udp]\n"                                                     \
	"                          publish a port of the guest; ranges: 8000-8002:80-82\n"   \
	"  --tcp-accept-queue-size N\n"                                                      \
	"                          connections that wait for a published port (1024)\n"      \
	"  --dns-nameserver ADDR   --dns-query-timeout-ms N   --no-dns-rebind-protection\n"  \
	"  --dns-binding-minimum T how long an address that was answered holds at least:\n"  \
	"                          60s; 0 is its TTL\n"                                      \
	"  --dns-ech strip|keep    whether answers keep the keys by which clients hide\n"    \
	"                          their server name (ECH); strip, unless said, where\n"     \
	"                          rules on names judge it\n"                                \
	"  --dns-max-label N       octets of a label of a looked up name; --dns-max-names\n" \
	"                          50/1m: different names below one domain;\n"               \
	"                          --dns-max-rate 20/1s: lookups, --dns-max-rate-burst N:\n" \
	"                          once on top\n"                                            \
	"  --no-server-names       rules on names go by the addresses of lookups alone,\n"   \
	"                          not by what TLS clients say\n"                            \
	"  --deny-ech              refuse TLS hellos that hide a name (ECH) where a rule\n"  \
	"                          on names judges them\n"                                   \
	"  --net-ipv4-pool CIDR    --net-ipv6-pool CIDR\n"                                   \
	"  --max-tcp-connections N --max-udp-connections N\n"                                \
	"                          at once (4096 each; 0: no bound); --max-connections N:\n" \
	"                          both\n"                                                   \
	"  --max-connection-rate N new connections a second (250)\n"                         \
	"  --net-egress-bandwidth RATE\n"                                                    \
	"                          bytes, 1M/1s; --net-egress-ops RATE: packets, 1000/1s;\n" \
	"                          likewise -ingress-; each with -burst SIZE: once on top\n" \
	"  --net-egress-bytes SIZE in all, then nothing passes: 1G; --net-ingress-bytes\n"   \
	"  --net-mac MAC           the guest's card; --net-mtu N,\n"                         \
	"                          --net-ipv4-address ADDR, --net-ipv6-address ADDR\n"       \
	"  --net-nat64-prefix CIDR the network's own, whose addresses are classed as what\n" \
	"                          they carry\n"                                             \
	"  --net-group NAME=CIDR,…  networks that rules may name, as by `group`\n"         \
	"  --dns-cluster DOMAIN=CIDR,…  where the names below DOMAIN are: rules on them\n" \
	"                          match there and nowhere else, and their answers may\n"    \
	"                          hold private addresses there\n"                           \
	"  --floor FILE            a policy that every flow must pass too, and that\n"       \
	"                          nothing lifts (repeatable)\n"                             \
	"  --deployment-profile single-tenant|multi-tenant\n"                                \
	"  --include-root DIR      where includes may lie (also --allow-include); else\n"    \
	"                          the file's own directory\n"                               \
	"  --stdin-name NAME       what standard input is called in places, and where its\n" \
	"                          includes start\n"                                         \
	"  --today YYYY-MM-DD      judge `until` as of this day\n"

/* Of the commands that judge flows */
#define FLOW_OPTIONS                                                                       \
	"  --gateway V4,V6|none    the sandbox's gateway (default\n"                       \
	"                          172.16.0.1,fd42:6d73:62::1, or what the policy says)\n" \
	"  --resolve NAME=ADDR,…   what the guest was answered for NAME (repeatable)\n"  \
	"  --sni NAME              the server name in the TLS client's first message\n"    \
	"  --ech                   which hides another name behind that one (ECH)\n"
#define FLOWS                                                                                 \
	"Flows:  egress@github.com:tcp:443            egress@[2606:4700::1111]:udp:53\n"      \
	"        ingress@192.168.1.7:tcp:80           egress@10.0.0.1:icmpv4\n"               \
	"        dns@example.com[:udp|tcp|dot]        answer@10.0.0.5\n" POLICY_OPTIONS       \
	"\nStatus: 0 whatever the verdict; 1 errors in the policy; 2 usage, a flow that is\n" \
	"        none; 3 a file could not be read.\n"

static const char check_help[] =
	"msb-policyc check [FILE|DIR...] [policy options]: what is wrong or risky (also\n"
	"called lint, validate)\n"
	"\n"
	"  --format text|json|sarif|github\n"
	"  --werror                a warning makes the status 1, as an error does\n"
	"  --disable ID            leave out findings of this id (repeatable); one that\n"
	"                          --explain knows\n"
	"  --explain ID            what an id means, a file that raises it, and the\n"
	"                          mended one\n"
	"  --color auto|always|never\n"
	"\n"
	"Of a DIR, every *.msb below it that is not hidden. In a file,\n"
	"`# lint: ignore ID reason` on the line or the line above silences one finding.\n" POLICY_OPTIONS
	"\nStatus: 0 no errors; 1 errors (with --werror, warnings); 2 usage; 3 a file could\n"
	"        not be read.\n";

static const char compile_help[] =
	"msb-policyc compile [FILE] [policy options]: the policy as another form of it\n"
	"\n"
	"  --emit nft              nftables text, the default: nft -f loads it\n"
	"  --emit dns              which names the guest may look up, for reading\n"
	"  --emit json             microsandbox's policy shape\n"
	"  --emit rpz              the verdicts on names as a response-policy zone:\n"
	"                          unbound, BIND, Knot Resolver\n"
	"  --emit dnsmasq          a configuration of dnsmasq that answers so and fills\n"
	"                          the sets of -O 0\n"
	"  --emit networkpolicy    Kubernetes' NetworkPolicy, where it can say all of the\n"
	"                          policy\n"
	"  --emit cilium           Cilium's CiliumNetworkPolicy, likewise\n"
	"  --emit ast|policy|ir    a stage of the compiler, for reading\n"
	"  -O 2                    the default, as msb-run installs it: an address leads\n"
	"                          to the rules on it\n"
	"  -O 0                    one nftables rule per policy rule, family and chain,\n"
	"                          for reading; -O 1: neighbours that differ in their\n"
	"                          addresses alone are one rule with a set\n"
	"  --passes                with --emit ir: the ruleset before the optimiser's\n"
	"                          passes and after each\n"
	"  --gateway V4,V6         the sandbox's gateway (default\n"
	"                          172.16.0.1,fd42:6d73:62::1, or what the policy says);\n"
	"                          or none\n"
	"  -o DIR                  write files into DIR, all or none: ruleset.nft,\n"
	"                          names.dns, policy.json, policy.txt; with --emit, that\n"
	"                          one\n"
	"\n"
	"The output depends on the policy, the gateway and these options, on nothing\n"
	"else.\n" POLICY_OPTIONS "\nStatus: 0 compiled; 1 errors in the policy; 2 usage; 3 a file could not be read\n"
	"        or written.\n";

static const char eval_help[] = "msb-policyc eval [FILE] [policy options] FLOW... | --batch: verdicts, a line a\n"
				"flow\n"
				"\n"
				"Prints, tab-separated: allow or deny; the rule's number (from 1, in the final\n"
				"order), `default`, `floor` or `refused`; its place; its text. An answer's second\n"
				"field is not-reserved, excepted or reserved.\n"
				"\n"
				"  --batch                 flows from standard input, one a line: FLOW\n"
				"                          [resolve=NAME=ADDR,…;NAME2=…] [sni=NAME [ech]]; of a\n"
				"                          line that is no flow: `error`, a tab, and why\n" FLOW_OPTIONS
				"  --format text|json      json adds the class of the address, the verdict at SYN\n"
				"                          time\n"
				"\n" FLOWS;

static const char test_help[] = "msb-policyc test [FILE|DIR...] [policy options]: run the policy's `expect` lines\n"
				"\n"
				"Says which failed and by which rule, then which rules, targets and ports no\n"
				"expectation decides, each with a line to paste; of a policy without expectations\n"
				"all such lines. An expectation is of one flow, or, by a rule's target, of every\n"
				"flow that it takes in: expect deny egress@10.0.0.0/8:tcp:443\n"
				"\n"
				"  --expect FILE           a file of more `expect` lines (repeatable)\n"
				"  --min-coverage PERCENT  status 1 when fewer of the items are decided by an\n"
				"                          expectation\n"
				"  --verbose, -v           name every gap, the items of undecided rules too\n"
				"  --gateway V4,V6|none    the sandbox's gateway (default\n"
				"                          172.16.0.1,fd42:6d73:62::1, or what the policy says)\n"
				"  --format text|json|tap|junit\n" POLICY_OPTIONS
				"\nStatus: 0 all hold; 1 some fail, there are none, or the policy has errors; 2\n"
				"        usage; 3 a file could not be read.\n";

static const char explain_help[] = "msb-policyc explain [FILE] [policy options] FLOW...: would this pass, and by\n"
				   "which rule\n"
				   "\n"
				   "Every rule considered, and why it did or did not match: for a name first the\n"
				   "lookup, then the connection.\n"
				   "\n"
				   "  --rule N                instead of a flow: what rule N alone decides, with an\n"
				   "                          example\n" FLOW_OPTIONS "  --format text|json\n"
				   "\n" FLOWS;

static const char diff_help[] = "msb-policyc diff OLD NEW [policy options]: which flows change verdict, each with\n"
				"an example\n"
				"msb-policyc diff --git REV [FILE|DIR...]: the same of all policies that the work\n"
				"tree changes\n"
				"\n"
				"  --git REV               since the merge base of REV and HEAD; includes too are\n"
				"                          read as they were there\n"
				"  --format text|json|markdown   markdown fits a comment on a pull request\n"
				"  --fail-on any|opened|none     what makes the status 1 (default any)\n"
				"\n"
				"  msb-policyc diff --git main         every *.msb that changes, by itself or by\n"
				"                                      what it includes\n"
				"  msb-policyc diff /dev/null new.msb  what a new policy lets through: compared\n"
				"                                      with no policy\n"
				"  msb-policyc diff <(old) <(new)      what two commands print\n" POLICY_OPTIONS
				"\nStatus: 0 no difference; 1 a difference, errors in a policy; 2 usage; 3 a file,\n"
				"        the revision or what it and HEAD have in common could not be read.\n";

static const char fmt_help[] = "msb-policyc fmt FILE|DIR...: canonical layout, comments and meaning kept\n"
			       "\n"
			       "  --check                 change nothing; status 1 when a file would change,\n"
			       "                          naming it\n"
			       "  --diff                  change nothing; show what would change\n"
			       "\nStatus: 0 fine; 1 a file would change or has errors; 2 usage; 3 a file could not\n"
			       "        be read or written.\n";

static const char init_help[] = "msb-policyc init: lists the policies of the library\n"
				"msb-policyc init TEMPLATE: prints one, with its expectations\n"
				"msb-policyc init [TEMPLATE] -o FILE.msb: writes one, `default` where none is\n"
				"named, into a new file\n"
				"\n"
				"  -o FILE                 a file that is not there yet: none is ever overwritten\n"
				"\n"
				"In a policy, `include <python-agent>` puts such a policy in its place.\n"
				"\nStatus: 0 fine; 2 usage, no such template; 3 the file is there already or could\n"
				"        not be written.\n";

static const char suggest_help[] =
	"msb-policyc suggest EVENTS... [--policy FILE]: what was denied, as rules and\n"
	"expectations to paste\n"
	"\n"
	"EVENTS is what msb-run --events FILE wrote; - is standard input. Prints the\n"
	"narrowest rules that let the denied flows pass, names before addresses. None is\n"
	"offered for the metadata service, the host, loopback, what is refused whatever\n"
	"the rules say, nor against a rule that denies. Counts go to standard error.\n"
	"\n"
	"  --policy FILE           leave out what this policy allows, and say which of\n"
	"                          its lines denies the rest\n"
	"  --gateway V4,V6|none    the sandbox's gateway (default\n"
	"                          172.16.0.1,fd42:6d73:62::1, or what the policy says)\n" POLICY_OPTIONS
	"\nStatus: 0 fine; 1 a line that is no event, errors in the policy; 2 usage; 3 a\n"
	"        file could not be read.\n";

static const char report_help[] = "msb-policyc report FILE [policy options]: the policy as one HTML page, to show\n"
				  "to others\n"
				  "\n"
				  "What it allows as a picture, its rules and which expectations each decides,\n"
				  "findings, settings, and what an address or a name typed in gets. The page\n"
				  "fetches nothing and needs no script to be read.\n"
				  "\n"
				  "  -o FILE.html            write it there, over what was there; else to standard\n"
				  "                          output\n"
				  "  --gateway V4,V6|none    the sandbox's gateway (default\n"
				  "                          172.16.0.1,fd42:6d73:62::1, or what the policy says)\n"
				  "\n"
				  "The page depends on the policy, the options and --today alone.\n" POLICY_OPTIONS
				  "\nStatus: 0 written; 1 errors in the policy, or too complex; 2 usage; 3 a file\n"
				  "        could not be read or written.\n";
static const char lsp_help[] = "msb-policyc lsp [policy options]: a language server, for editors to start\n"
			       "\n"
			       "Speaks the Language Server Protocol 3.17 on standard input and output: findings\n"
			       "while typing, what a rule or an expectation does, completion, definitions,\n"
			       "layout, mends. Reads what the editor has open, and the files it includes.\n"
			       "\n"
			       "  --disable ID            leave out findings of this id (repeatable)\n"
			       "  --gateway V4,V6|none    the sandbox's gateway (default\n"
			       "                          172.16.0.1,fd42:6d73:62::1, or what the policy says)\n"
			       "  --stdio                 has no effect: it is what is done\n" POLICY_OPTIONS
			       "\nStatus: 0 after `shutdown`; 1 the client went without it, or what it sent is no\n"
			       "        protocol; 2 usage; 3 the system failed.\n";

const char *cmd_help_page(enum cmd_id id)
{
	return id == CMD_LSP     ? lsp_help :
	       id == CMD_CHECK   ? check_help :
	       id == CMD_COMPILE ? compile_help :
	       id == CMD_EVAL    ? eval_help :
	       id == CMD_TEST    ? test_help :
	       id == CMD_EXPLAIN ? explain_help :
	       id == CMD_DIFF    ? diff_help :
	       id == CMD_INIT    ? init_help :
	       id == CMD_SUGGEST ? suggest_help :
	       id == CMD_REPORT  ? report_help :
				   fmt_help;
}
