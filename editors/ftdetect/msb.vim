" Which files are msb-policy files. Put it into ~/.vim/ftdetect/
autocmd BufRead,BufNewFile *.msb setfiletype msb
