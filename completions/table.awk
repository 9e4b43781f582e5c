# Reads the table into commands[1..command_count], summary[COMMAND], options[COMMAND, 1..option_count[COMMAND]] and takes[COMMAND, OPTION],
# and the values file, which kind() looks in.
BEGIN {
	while ((status = (getline line < values)) > 0)
		if (line !~ /^#/)
			value_lines[++value_count] = line
	if (status < 0) {
		print "completions: cannot read " values > "/dev/stderr"
		exit failed = 1
	}
}
$1 == "command" { add_command($2); summary[$2] = $3 }
$1 == "option" && $3 != "option-table" { add_command($2); options[$2, ++option_count[$2]] = $3; takes[$2, $3] = $4 }

function add_command(name) {
	if (!(name in known)) {
		known[name] = 1
		commands[++command_count] = name
	}
}
function like(pattern, word) { return pattern == "*" || pattern == word }

# Sets `kind`, and `words`, what is behind it
function look_up(command, option,    i, j, part, count) {
	kind = "nothing"; words = ""
	for (i = 1; i <= value_count; i++) {
		count = split(value_lines[i], part, " ")
		if (!like(part[1], program) || !like(part[2], command) || !like(part[3], option))
			continue
		if (option == ":" && part[3] == "*")
			continue
		kind = part[4]
		for (j = 5; j <= count; j++)
			words = words (words == "" ? "" : " ") part[j]
		return
	}
}
function has_commands() { return !(command_count == 1 && commands[1] == "-") }
function function_name(    name) {
	name = "_" program
	gsub(/-/, "_", name)
	return name
}
