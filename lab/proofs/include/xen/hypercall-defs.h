/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the generated header: nobody makes hypercalls. */
