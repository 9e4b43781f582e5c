#!/usr/bin/env bash
# Threat link-quote: in a pull request a policy is a link to a secret, and a command that reviews it prints the secret's words.
# Whatever the file holds, however it is asked: at most a place and an id are told. usage: link-quote.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"

mkdir outside tree tree/sub
printf 'default egress deny\nallow@fine.example:tcp:443\n' >tree/fine.msb
printf 'allow@a.example\ninclude ".env"\n' >tree/dot.msb
printf 'allow@a.example\ninclude "sub/.env"\n' >tree/dot-below.msb
printf 'allow@secret-word.example\n' >tree/.env
printf 'allow@secret-word.example\n' >tree/sub/.env

# silent NAME COMMAND…: nothing of the secret on either stream; all but check fail, since they would have to show it
silent() {
	local name=$1
	shift
	bounded 60 "$@"
	if grep -qi 'secret.word' "$work/.out"; then
		not_ok "$name" "$(grep -i 'secret.word' "$work/.out" | head -1)"
	elif [ "$status" -eq 0 ] && [ "$2" != check ]; then
		not_ok "$name" "status 0"
	else
		ok "$name"
	fi
}

# What a secret may look like: a policy, with and without errors or findings, and no policy at all
number=0
while IFS= read -r content; do
	number=$((number + 1))
	printf '%b' "$content" >outside/secret
	for form in msb json yaml; do
		ln -sfn ../outside/secret tree/e.$form
		case=link-quote/$number/$form
		for format in text json sarif github; do
			silent "$case/check-$format" "$policyc" check --werror --format $format tree/e.$form
		done
		silent "$case/test" "$policyc" test tree/e.$form
		silent "$case/test-json" "$policyc" test --format json tree/e.$form
		silent "$case/expectations" "$policyc" test tree/fine.msb --expect tree/e.$form
		silent "$case/explain" "$policyc" explain tree/e.$form egress@192.0.2.1:tcp:443
		silent "$case/explain-rule" "$policyc" explain tree/e.$form --rule 1
		silent "$case/eval" "$policyc" eval tree/e.$form egress@192.0.2.1:tcp:443
		silent "$case/diff-old" "$policyc" diff tree/e.$form tree/fine.msb
		silent "$case/diff-new" "$policyc" diff --format markdown tree/fine.msb tree/e.$form
		silent "$case/fmt" "$policyc" fmt --diff tree/e.$form
		silent "$case/fmt-in-place" "$policyc" fmt tree/e.$form
		for stage in ast policy ir nft dns json; do
			silent "$case/compile-$stage" "$policyc" compile --emit $stage tree/e.$form
		done
	done
	same "link-quote/$number/untouched" "$(printf '%b' "$content")" "$(cat outside/secret)"
done <<'END'
secret-word = hunter2\n
allow@secret-word.example:tcp:443\n
default egress deny\nallow@secret-word.example:tcp:443,80\n
default egress deny\nallow@secret_word\ngroup secret-word = a.example\nallow@secret-wordd\n
default egress deny\nexpect allow egress@secret-word.example:tcp:443\n
{"secret-word": "hunter2"}\n
{"rules": [{"direction": "egress", "destination": {"domain": "secret-word.example"}, "action": "allow"}]}\n
{"secret-word
network:\n  secret-word: 1\n
secret-word: [\n
root:$y$secret-word:19000:0:99999:7:::\n
default egress deny\nallow@192.0.2.1 because "secret-word" until 2020-01-01\n
default egress deny\nallow@10.0.0.0/8:tcp:443\ndeny@10.0.0.5 because "secret-word"\nallow@any   # secret-word\n
default egress deny\nallow@secret-word.*.example.com\nallow@*.secret-word.paypa1.com\ngroup secret-word = 10.1.2.3/8\n
END

# Beside the link: findings of other places do not tell of it either
printf 'default egress deny\nallow@secret-word.example:tcp:443\n' >outside/secret
silent link-quote/beside-an-option "$policyc" check --werror --net-rule 'allow@secret-wor.example:tcp:443' tree/e.msb
silent link-quote/by-a-directory sh -c "ln -s ../outside tree/away; exec '$policyc' explain tree/away/../e.msb egress@192.0.2.1:tcp:443"

# Dot-files are no includes
for file in dot dot-below; do
	silent "link-quote/$file" "$policyc" check tree/$file.msb
	grep -q 'its name begins with a dot' "$work/.out"
	check "link-quote/$file-is-told" $? "$(head -1 "$work/.out")"
done

# The user may say where a link leads to; a link that stays inside is no matter
bounded 60 "$policyc" eval --include-root . tree/e.msb egress@secret-word.example:tcp:443
check link-quote/an-allowed-root "$status" "$(head -2 "$work/.out")"
ln -sfn ..data/agent.msb tree/agent.msb
mkdir tree/..2026_11_28
ln -sfn ..2026_11_28 tree/..data
printf 'default egress deny\nallow@fine.example:tcp:443\n' >tree/..2026_11_28/agent.msb
bounded 60 "$policyc" eval tree/agent.msb egress@fine.example:tcp:443
check link-quote/as-kubernetes-links "$status" "$(head -2 "$work/.out")"
finish
