/* SPDX-License-Identifier: GPL-2.0-only */
/* There are no colours. */
#ifndef HOST_XEN_LLC_COLORING_4_17
#define HOST_XEN_LLC_COLORING_4_17


#endif
