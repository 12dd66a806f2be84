/* SPDX-License-Identifier: GPL-2.0-only */
/* Nothing here is for the assembler. */
