#!/usr/bin/env bash
# What bash, zsh and fish complete: the shells themselves are asked. usage: completions.sh BUILD
. "$(dirname "$0")/lib.sh"
PATH=$BUILD:$PATH
made=$BUILD/completions
mkdir -p policies/below
touch policies/one.msb policies/two.txt

# in_bash WORD…: what the last may be, on one line
in_bash() {
	bash --norc -c '. "$1/bash/$2" && shift && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && { '"_${1//-/_}"'; printf "%s\n" "${COMPREPLY[@]}"; }' \
		- "$made" "$@" | sort -u | tr '\n' ' ' | sed 's/ $//'
}
same bash/commands "compile" "$(in_bash msb-policyc comp)"
same bash/command-of-ctl "serve-metrics" "$(in_bash msb-ctl ser)"
same bash/option "--werror" "$(in_bash msb-policyc check --we)"
same bash/not-of-another-command "" "$(in_bash msb-policyc fmt --we)"
same bash/words "drop refuse" "$(in_bash msb-run --deny-mode '')"
same bash/words-behind-equals "tap text" "$(in_bash msb-policyc test --format = t)"
same bash/format-of-the-command "github json sarif text" "$(in_bash msb-policyc check --format '')"
same bash/policies-and-directories "policies/below policies/one.msb" "$(in_bash msb-run --policy policies/)"
same bash/plain-argument "policies/below policies/one.msb" "$(in_bash msb-policyc check policies/)"
same bash/templates "python-agent" "$(in_bash msb-policyc init python)"
same bash/command-to-run "$(compgen -c mkdi | sort -u)" "$(in_bash msb-run -- mkdi)"

in_fish() { HOME=$work fish --no-config -c "source $made/fish/${1%% *}.fish; complete -C '$1'" | cut -f1 | sort | tr '\n' ' ' | sed 's/ $//'; }
same fish/commands "compile" "$(in_fish 'msb-policyc comp')"
same fish/option "--werror" "$(in_fish 'msb-policyc check --we')"
same fish/words "drop refuse" "$(in_fish 'msb-run --deny-mode ')"
same fish/format-of-the-command "github json sarif text" "$(in_fish 'msb-policyc check --format ')"
# fish puts files of the ending first, and has the others, too
same fish/policies "policies/below/ policies/one.msb policies/two.txt" "$(in_fish 'msb-policyc check policies/')"

# in_zsh: the line that a tab leaves, as a command prints it, since the line's own picture is drawn piece by piece
cat >zsh.exp <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PS2=; unsetopt beep; stty -echo; cd $2; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $2/.zcompdump; print ready-\$((1 + 1))"
while zpty -r shell line; do [[ $line = *ready-2* ]] && break; done
zpty -w -n shell $3$'\t\C-a'"print -r -- got: "$'\n'
text=
while zpty -r -t shell line || { sleep 0.1; (( ++tries < 50 )); }; do
	text+=$line
	[[ $text = *got:*"$4"* ]] && break
done
[[ $text = *got:*"$4"* ]] && print yes || print -r -- $text
END
in_zsh() { # NAME WORDS WHAT
	local text
	text=$(HOME=$work timeout 60 zsh -f zsh.exp "$made/zsh" "$work" "$2" "$3" </dev/null 2>&1)
	check "zsh/$1" "$([ "$text" = yes ]; echo $?)" "$text"
}
in_zsh command 'msb-policyc comp' compile
in_zsh option 'msb-policyc check --werr' --werror
in_zsh words 'msb-run --deny-mode=ref' refuse
in_zsh of-ctl 'msb-ctl serve-metrics --lis' --listen
in_zsh policies 'msb-policyc check policies/on' policies/one.msb

# Each option of a table is in each of the three, and what the values file names is there, and taken
for program in msb-policyc msb-run msb-ctl; do
	"$program" --option-table >"$program.table"
	bash -n "$made/bash/$program" && zsh -n "$made/zsh/_$program" && fish --no-execute "$made/fish/$program.fish"
	check "$program/they-parse" $?
	for option in $(awk -F '\t' '$1 == "option" && $3 != "option-table" { print $3 }' "$program.table" | sort -u); do
		grep -q -e "--$option\b" "$made/bash/$program" && grep -q -e "--$option\b" "$made/zsh/_$program" && grep -q -e "-l $option\b" "$made/fish/$program.fish"
		check "$program/--$option" $?
	done
done
while read -r program command option _; do
	[ "$option" = : ] || [ "$option" = '*' ] || {
		cat msb-*.table | awk -F '\t' -v c="$command" -v o="$option" '$1 == "option" && (c == "*" || $2 == c) && $3 == o { found = 1 } END { exit !found }'
		check "values/$program-$command-$option: there is one" $?
	}
done < <(sed 's/#.*//; /^$/d' "$root/completions/values")
while read -r program command option _ words; do
	for word in $words; do
		"$program" "$command" "--$option" "$word" --help >/dev/null 2>.out
		check "values/$program-$command-$option: $word is taken" $? "$(cat .out)"
	done
done < <(sed -n '/ format words /{/ \* /!p}' "$root/completions/values")
finish
