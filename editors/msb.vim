" Vim syntax file of msb-policy files (*.msb). It and what belongs to it is in editors/vim: docs/editors.md
if exists('b:current_syntax')
	finish
endif

syntax case match
setlocal commentstring=#\ %s

" A comment starts at the line's start or behind a blank.
syntax match msbComment '\(^\|\s\)\zs#.*$' contains=msbTodo,msbLintIgnore
syntax keyword msbTodo TODO FIXME XXX contained
syntax match msbLintIgnore 'lint: ignore \S\+ \S\@=' contained
syntax match msbLibrary '\(^\s*include\s\+\)\@<=<[^>[:blank:]]*>'
syntax region msbString start='"' end='"' oneline

" Statements
syntax match msbStatement '^\s*\zs\(default\|profile\|include\|library\|group\|publish\|dns\|tls\|limit\|expect\|forbid\)\ze\(\s\|$\)' nextgroup=msbExpectAction skipwhite
syntax match msbExpectAction '\(allow\|deny\)\ze\s' contained
syntax match msbDefault '\(^\s*default\s\+\)\@<=\(egress\|ingress\|any\)\s\+\(allow\|deny\)\ze\s*\(#\|$\)' contains=msbAllow,msbDeny,msbDirection
syntax match msbSetting '\(^\s*dns\s\+\)\@<=\(nameserver\|timeout\|rebind-protection\|binding-minimum\|nat64-prefix\|ech\)\ze\s'
syntax match msbSetting '\(^\s*tls\s\+\)\@<=ech\ze\s'
syntax match msbSetting '\(^\s*limit\s\+\)\@<=\(egress\|ingress\)\s\+\(bandwidth\|ops\|bytes\)\ze\s'
syntax match msbSetting '\s\zsburst\ze\s'
syntax match msbGroupName '\(^\s*group\s\+\)\@<=[^ \t=]\+'
syntax match msbAttribute '\s\zs\(because\|until\|log\|in\|no-ech\|bytes\|ech\)\ze\(\s\|$\)'
syntax match msbDate '\(\suntil\s\+\)\@<=\d\{4}-\d\d-\d\d'
syntax match msbOption '\s\zs\(resolve\|sni\)\ze='

" Rules and flows
syntax match msbAllow '\<allow\>' contained
syntax match msbDeny '\<deny\>' contained
syntax match msbDirection '\<\(egress\|ingress\|any\)\>' contained
syntax match msbRule '^\s*\(allow\|deny\)\(:[a-z]*\)\?\ze@' contains=msbAllow,msbDeny,msbDirection
syntax match msbFlow '\s\zs\(egress\|ingress\|dns\|answer\)\ze@'
syntax match msbClass '@\zs\(any\|dns\|public\|private\|loopback\|link-local\|meta\|multicast\|host\)\ze\(:\|\s\|$\)'
syntax match msbClass '[{,]\s*\zs\(public\|private\|loopback\|link-local\|meta\|multicast\|host\)\ze\s*[,}]'
syntax match msbProtocol '[:{,]\s*\zs\(tcp\|udp\|icmpv4\|icmpv6\)\ze\s*\([:,}#]\|\s\|$\)'
syntax match msbTargetKind '[@{, ]\zs\(domain\|suffix\)\ze='
syntax match msbWildcard '\(@\|[{, ]\)\zs\*\.'
syntax match msbPorts '\(:\|[{,]\s*\)\zs\d\+\(-\d\+\)\?\ze\s*\([,}]\|\s\|$\)'
syntax match msbAddress '\<\d\+\.\d\+\.\d\+\.\d\+\(/\d\+\)\?\>'
syntax match msbAddress '\[\x*:[^]]*\]'

highlight default link msbComment Comment
highlight default link msbTodo Todo
highlight default link msbLintIgnore SpecialComment
highlight default link msbString String
highlight default link msbLibrary String
highlight default link msbStatement Keyword
highlight default link msbExpectAction Keyword
highlight default link msbSetting Keyword
highlight default link msbAttribute Keyword
highlight default link msbOption Keyword
highlight default link msbGroupName Identifier
highlight default link msbDate Number
highlight default link msbAllow Function
highlight default link msbDeny Exception
highlight default link msbDirection Type
highlight default link msbFlow Type
highlight default link msbClass Constant
highlight default link msbProtocol Type
highlight default link msbTargetKind Type
highlight default link msbWildcard Special
highlight default link msbPorts Number
highlight default link msbAddress Number

let b:current_syntax = 'msb'
