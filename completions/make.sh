#!/bin/sh
# Completions for a program from its own table of options: what `PROGRAM --option-table` prints, and completions/values.
# usage: completions/make.sh bash|zsh|fish PATH/PROGRAM, to standard output
set -eu
here=$(dirname "$0")
program=${2##*/}
table=$("$2" --option-table)
printf '%s\n' "$table" | awk -F '\t' -v program="$program" -v values="$here/values" -f "$here/table.awk" -f "$here/$1.awk"
