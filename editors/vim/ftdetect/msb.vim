autocmd BufRead,BufNewFile *.msb setfiletype msb
