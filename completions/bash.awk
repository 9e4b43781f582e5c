# bash: one function, two tables: the options of each command, and what may follow an option or stand for itself
function answer(command, option) {
	look_up(command, option)
	if (kind == "words" || kind == "templates" || kind == "sandboxes")
		return "_words \"" (kind == "words" ? words : kind == "templates" ? "$(msb-policyc init 2>/dev/null | sed -n 's/^  *\\([a-z][a-z0-9-]*\\) .*/\\1/p')" : \
			"$(msb-ctl ps 2>/dev/null | sed 1d | cut -d' ' -f1)") "\""
	if (kind == "files")
		return "_files " words
	if (kind == "directories")
		return "_files /"
	if (kind == "groups")
		return "COMPREPLY=($(compgen -g -- \"$current\"))"
	if (kind == "command")
		return "COMPREPLY=($(compgen -c -- \"$current\"))"
	return ":"
}
function prefixed(text) {
	gsub(/_words/, own "_words", text)
	gsub(/_files/, own "_files", text)
	return text
}
# What may follow the option; of which nothing is known are put together
function print_arm(command, option,    text) {
	text = prefixed(answer(command, option))
	if (text == ":")
		unknown = unknown (unknown == "" ? "" : "|") command ":--" option
	else
		print "\t" command ":--" option ") " text "; return ;;"
}
END {
	if (failed)
		exit 1
	own = function_name()
	print "# bash completion for " program ", made from its table of options"
	print own "_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$current\")); }"
	print "# Files of these endings and directories; none: all; /: directories alone"
	print own "_files() {"
	print "\tlocal ending IFS=$'\\n'"
	print "\tcompopt -o filenames 2>/dev/null"
	print "\tCOMPREPLY=($(compgen -d -- \"$current\"))"
	print "\t[ \"${1-}\" = / ] && return"
	print "\t[ $# -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))"
	print "\tfor ending in \"$@\"; do COMPREPLY+=($(compgen -f -X \"!*.$ending\" -- \"$current\")); done"
	print "}"
	print own "() {"
	print "\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=- word options"
	print "\tCOMPREPLY=()"
	print "\t# bash takes --option=VALUE for three words"
	print "\tif [ \"$current\" = = ]; then current=; elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi"
	if (has_commands()) {
		printf "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n\t\tcase $word in\n\t\t"
		for (i = 1; i <= command_count; i++)
			printf "%s%s", i == 1 ? "" : "|", commands[i]
		print ") command=$word; break ;;\n\t\tesac\n\tdone"
	}
	print "\tcase $command:$before in"
	for (i = 1; i <= command_count; i++)
		for (j = 1; j <= option_count[commands[i]]; j++)
			if (takes[commands[i], options[commands[i], j]] == "value")
				print_arm(commands[i], options[commands[i], j])
	print "\t" unknown ") return ;;"
	print "\tesac"
	print "\tcase $command in"
	for (i = 1; i <= command_count; i++) {
		printf "\t%s) options='", commands[i]
		for (j = 1; j <= option_count[commands[i]]; j++)
			printf "%s--%s", j == 1 ? "" : " ", options[commands[i], j]
		print "' ;;"
	}
	if (has_commands()) {
		printf "\t*) "
		printf "%s_words '--help --version", own
		for (i = 1; i <= command_count; i++)
			printf " %s", commands[i]
		print "'\n\t\treturn ;;"
	}
	print "\tesac"
	print "\tif [[ $current == -* ]]; then " own "_words \"$options\"; return; fi"
	print "\tcase $command in"
	for (i = 1; i <= command_count; i++)
		print "\t" commands[i] ") " prefixed(answer(commands[i], ":")) " ;;"
	print "\tesac"
	print "}"
	print "complete -F " own " " program
}
