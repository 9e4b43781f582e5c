/* The ids, of users and groups alike, that workers, QEMU and what serves it run as */
#pragma once

/* 2^20 that no distribution and no container engine hands out by default */
#define UIDS_FIRST 0x6d700000u
#define UIDS_COUNT 0x100000u
