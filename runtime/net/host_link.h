/* The sandbox's link in the host's namespace, by whose name the host's rules know it */
#pragma once

#define HOST_LINK_PREFIX "msb"              /* a number follows, of the kernel's choice */
#define HOST_LINKS_NFT HOST_LINK_PREFIX "*" /* all sandboxes' links, as nftables writes it */
#define HOST_LINKS_IPTABLES HOST_LINK_PREFIX "+"
