// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_types.h"

const volatile __u32 number_of_list_head;
const volatile __u32 number_of_sock;
const volatile __u32 number_of_inet_sock;
const volatile __u32 number_of_tcp_sock;
const volatile __u32 number_of_mptcp_sock;
const volatile __u32 number_of_mptcp_pernet;
const volatile __u32 number_of_task_struct;
