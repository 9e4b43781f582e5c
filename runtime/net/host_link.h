/* The sandbox's link in the host's namespace, by whose name the host's rules know it */
#pragma once

#define HOST_LINK_PREFIX "msb"              /* a number follows, of the kernel's choice */
#define HOST_LINKS_NFT HOST_LINK_PREFIX "*" /* all sandboxes' links, as nftables writes it */
#define HOST_LINKS_IPTABLES HOST_LINK_PREFIX "+"

/* The two ends: fixed, since nothing else is on that link. Locally administered, unicast. */
#define HOST_LINK_MAC                              \
	{                                          \
		0x02, 0x6d, 0x73, 0x62, 0xff, 0x01 \
	}
#define HOST_LINK_PEER_MAC                         \
	{                                          \
		0x02, 0x6d, 0x73, 0x62, 0xff, 0x02 \
	}
