# fish: a line for each option
function quoted(text) { gsub(/\\/, "\\\\", text); gsub(/'/, "\\'", text); return "'" text "'" }
function arguments(command, option) {
	look_up(command, option)
	if (kind == "words")
		return "-x -a " quoted(words)
	if (kind == "files") {
		if (words == "")
			return "-r -F"
		gsub(/ /, " .", words)
		return "-x -a " quoted("(for ending in ." words "; __fish_complete_suffix $ending; end)")
	}
	if (kind == "directories")
		return "-x -a '(__fish_complete_directories)'"
	if (kind == "groups")
		return "-x -a '(__fish_complete_groups)'"
	if (kind == "sandboxes")
		return "-x -a '(msb-ctl ps 2>/dev/null | sed 1d | cut -d\" \" -f1)'"
	if (kind == "templates")
		return "-x -a " quoted("(msb-policyc init 2>/dev/null | string match -rg '^ +([a-z][a-z0-9-]*) ')")
	if (kind == "command")
		return "-x -a '(__fish_complete_subcommand)'"
	return "-x"
}
END {
	if (failed)
		exit 1
	print "# fish completion for " program ", made from its table of options"
	start = "complete -c " program
	if (has_commands()) {
		print start " -f"
		print start " -n __fish_use_subcommand -l help"
		print start " -n __fish_use_subcommand -l version"
	}
	for (i = 1; i <= command_count; i++) {
		command = commands[i]
		line = start
		if (has_commands()) {
			print start " -n __fish_use_subcommand -a " command " -d " quoted(summary[command])
			line = start " -n '__fish_seen_subcommand_from " command "'"
		}
		for (j = 1; j <= option_count[command]; j++) {
			option = options[command, j]
			print line " -l " option (takes[command, option] == "value" ? " " arguments(command, option) : "")
		}
		look_up(command, ":")
		if (kind != "nothing")
			print line " " arguments(command, ":")
	}
}
