# Real servers with two names on one address, for tests of what is judged by server names: sourced behind lib.sh.
#
#	good.shared.test, bad.shared.test   SHARED4 SHARED6   each with a certificate of its own, by one CA
#
#	443 TCP    apache2: /page, as large as $PAGE_SIZE, and a repository of git, another of each name
#	444 TCP    the same, which asks every client for another key share (HelloRetryRequest)
#	443 UDP    gtlsserver: the good name's page by HTTP/3, which an HTTPS record offers
#	22, 3306   dropbear and mariadbd, which both speak first; user `guest`, password `shared`
#
# shellcheck shell=bash disable=SC2034

SHARED4=93.184.216.50 SHARED6=2606:2800:220:1::50
SHARED_RECORDS="good.shared.test. 60 IN A $SHARED4
good.shared.test. 60 IN AAAA $SHARED6
good.shared.test. 60 IN TYPE65 \\# 13 0001 00 0001 0006 026833 026832
bad.shared.test. 60 IN A $SHARED4
bad.shared.test. 60 IN AAAA $SHARED6"
PAGE_SIZE=300000
TLS=$WORK/tls
CA=$TLS/ca.crt

# certificates: a CA, and what it says of each name
certificates() {
	local name
	mkdir -p "$TLS"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=CA of the test' \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -keyout "$TLS/ca.key" -out "$CA" 2>/dev/null
	for name in good bad; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name.shared.test" -keyout "$TLS/$name.key" 2>/dev/null |
			openssl x509 -req -days 2 -CA "$CA" -CAkey "$TLS/ca.key" -CAcreateserial -out "$TLS/$name.crt" \
				-extfile <(printf 'subjectAltName=DNS:%s.shared.test\nextendedKeyUsage=serverAuth\n' "$name") 2>/dev/null
	done
}

# pages: what each name has to say
pages() {
	local name
	for name in good bad; do
		mkdir -p "$WORK/pages/$name"
		{ echo "this is $name"; base64 -w0 /dev/urandom | head -c "$PAGE_SIZE"; echo; } >"$WORK/pages/$name/page"
		git init -q "$WORK/source-$name"
		cp "$WORK/pages/$name/page" "$WORK/source-$name/page"
		git -C "$WORK/source-$name" add page
		git -C "$WORK/source-$name" -c user.name=a -c user.email=a@example.com commit -qm page
		git clone -q --bare "$WORK/source-$name" "$WORK/pages/$name/repository.git"
		git -C "$WORK/pages/$name/repository.git" config http.receivepack true
	done
}

# The servers' own ports are behind those of the address, since every other address has 443 too
shared_address() {
	on_internet nft -f - <<-EOF
		table inet shared {
			counter read4 { }
			counter read6 { }
			chain payload { $(for words in $(seq 5 15); do
				echo "tcp doff $words ip length > $((20 + 4 * words)) counter name read4"
				echo "tcp doff $words ip6 length > $((4 * words)) counter name read6"
			done)
				meta l4proto udp meta nfproto ipv4 counter name read4
				meta l4proto udp meta nfproto ipv6 counter name read6
			}
			chain shared {
				tcp dport { 443, 444, 22, 3306 } jump payload
				udp dport 443 jump payload
			}
			chain seen {
				type filter hook prerouting priority -290;
				iifname "wan0" ip daddr $SHARED4 jump shared
				iifname "wan0" ip6 daddr $SHARED6 jump shared
			}
			chain ports {
				meta l4proto { tcp, udp } th dport 443 redirect to :10443
				tcp dport 444 redirect to :10444
				tcp dport 22 redirect to :10022
				tcp dport 3306 redirect to :13306
			}
			chain answers {
				type nat hook prerouting priority -110;
				iifname "wan0" ip daddr $SHARED4 goto ports
				iifname "wan0" ip6 daddr $SHARED6 goto ports
			}
		}
	EOF
}

# read_by_servers: how many segments and datagrams that carry anything have arrived for them since it was asked last
read_by_servers() { on_internet nft -j reset counters table inet shared | jq '[.nftables[].counter.packets // empty] | add'; }

apache_config() {
	local name port module modules="mpm_event authz_core mime env alias cgid ssl socache_shmcb http2"
	for module in $modules; do echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"; done
	cat <<-EOF
		ServerName shared.test
		ServerRoot $WORK/apache
		PidFile $WORK/apache/pid
		ErrorLog $WORK/apache/error.log
		TypesConfig /dev/null
		ScriptSock $WORK/apache/cgi.sock
		Mutex file:$WORK/apache
		Listen 10443
		Listen 10444
		Protocols h2 http/1.1
		<Directory $WORK/pages>
			Require all granted
		</Directory>
		<Files git-http-backend>
			Require all granted
		</Files>
		SSLCertificateFile $TLS/good.crt
		SSLCertificateKeyFile $TLS/good.key
	EOF
	for name in good bad; do
		for port in 10443 10444; do
			cat <<-EOF
				<VirtualHost *:$port>
					ServerName $name.shared.test
					DocumentRoot $WORK/pages/$name
					SSLEngine on
					SSLCertificateFile $TLS/$name.crt
					SSLCertificateKeyFile $TLS/$name.key
					$([ $port = 10443 ] || echo SSLOpenSSLConfCmd Groups P-384)
					SetEnv GIT_PROJECT_ROOT $WORK/pages/$name
					SetEnv GIT_HTTP_EXPORT_ALL 1
					ScriptAlias /git/ $(git --exec-path)/git-http-backend/
				</VirtualHost>
			EOF
		done
	done
}

# answers PORT: whether something listens there on the Internet
answers() { on_internet "$BUILD/e2e/probe" tcp 127.0.0.1 "$1" 500 | grep -q connected; }

https_up() {
	mkdir -p "$WORK/apache"
	apache_config >"$WORK/apache/conf"
	on_internet /usr/sbin/apache2 -f "$WORK/apache/conf" -DFOREGROUND >"$WORK/apache/out" 2>&1 &
	wait_for 10 answers 10443 || cat "$WORK/apache/out" "$WORK/apache/error.log"
	wait_for 10 answers 10444
}

http3_up() {
	cd "$WORK/pages/good" || exit 1
	on_internet gtlsserver -q '*' 10443 "$TLS/good.key" "$TLS/good.crt" >"$WORK/http3.out" 2>&1 &
	cd "$OLDPWD" || exit 1
}

# The user `guest`, whose home has the key, is in this mount namespace alone
ssh_up() {
	mkdir -p -m 700 "$WORK/home/.ssh"
	dropbearkey -t ed25519 -f "$WORK/ssh-host" 2>/dev/null | sed -n 's/^ssh-ed25519 \([^ ]*\).*/good.shared.test ssh-ed25519 \1/p' >"$WORK/ssh-known"
	ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh-user"
	cp "$WORK/ssh-user.pub" "$WORK/home/.ssh/authorized_keys"
	{ cat /etc/passwd; echo "guest:x:0:0::$WORK/home:/bin/sh"; } >"$WORK/passwd"
	mount --bind "$WORK/passwd" /etc/passwd
	on_internet dropbear -F -E -s -p 10022 -r "$WORK/ssh-host" -P "$WORK/dropbear.pid" >"$WORK/ssh.out" 2>&1 &
	wait_for 10 answers 10022 || cat "$WORK/ssh.out"
}

mysql_up() {
	mkdir -p "$WORK/mysql"
	on_internet mariadbd --no-defaults --user=root --datadir="$WORK/mysql" --skip-grant-tables --skip-innodb \
		--default-storage-engine=Aria --default-tmp-storage-engine=Aria --socket="$WORK/mysql.sock" --pid-file="$WORK/mysql.pid" \
		--skip-networking=0 --port=13306 --bind-address='*' --ssl-cert="$TLS/good.crt" --ssl-key="$TLS/good.key" \
		>"$WORK/mysql.out" 2>&1 &
	wait_for 20 answers 13306 || cat "$WORK/mysql.out"
}

# shared_up: all of them
shared_up() {
	certificates
	pages
	shared_address
	https_up
	http3_up
	ssh_up
	mysql_up
}
