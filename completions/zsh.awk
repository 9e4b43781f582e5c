# zsh: a list of _arguments' for each command
function action(command, option) {
	look_up(command, option)
	if (kind == "words")
		return "(" words ")"
	if (kind == "files") {
		gsub(/ /, "|", words)
		return words == "" ? "_files" : "_files -g \"*.(" words ")\""
	}
	if (kind == "directories")
		return "_files -/"
	if (kind == "groups")
		return "_groups"
	if (kind == "sandboxes")
		return "($(msb-ctl ps 2>/dev/null | sed 1d | cut -d\" \" -f1))"
	if (kind == "templates")
		return "($(msb-policyc init 2>/dev/null | sed -n \"s/^  *\\([a-z][a-z0-9-]*\\) .*/\\1/p\"))"
	if (kind == "command")
		return "_normal"
	return " "
}
function print_arguments(command,    j, option, takes_value) {
	printf "_arguments -S"
	for (j = 1; j <= option_count[command]; j++) {
		option = options[command, j]
		takes_value = takes[command, option]
		printf " \\\n\t\t'*--%s%s", option, takes_value == "value" ? "=:" option ":" action(command, option) : takes_value == "maybe" ? "=-::seconds: " : ""
		printf "'"
	}
	look_up(command, ":")
	if (kind != "nothing")
		printf " \\\n\t\t'*::%s:%s'", kind, action(command, ":")
	print ""
}
END {
	if (failed)
		exit 1
	print "#compdef " program
	print "# made from its table of options"
	if (!has_commands()) {
		print_arguments("-")
		exit
	}
	print "local -a commands=("
	for (i = 1; i <= command_count; i++) {
		text = summary[commands[i]]
		gsub(/'/, "'\\''", text)
		gsub(/:/, "\\:", text)
		print "\t'" commands[i] ":" text "'"
	}
	print ")"
	print "if (( CURRENT == 2 )); then\n\t_describe command commands\n\t_arguments -S '--help' '--version'\n\treturn\nfi"
	print "shift words; (( CURRENT-- ))"
	print "case $words[1] in"
	for (i = 1; i <= command_count; i++) {
		printf "%s)\n\t", commands[i]
		print_arguments(commands[i])
		print "\t;;"
	}
	print "esac"
}
