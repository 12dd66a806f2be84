/* SPDX-License-Identifier: GPL-2.0-only */
/* Nobody watches a domain. */
