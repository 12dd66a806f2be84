/* SPDX-License-Identifier: GPL-2.0-only */
/* Code is not patched at run time. */
#ifndef PROOFS_ASM_ALTERNATIVE_H
#define PROOFS_ASM_ALTERNATIVE_H

#define alternative(oldinstr, newinstr, feature) ((void)0)
#define alternative_2(oldinstr, newinstr1, feature1, newinstr2, feature2) ((void)0)
#define alternative_input(oldinstr, newinstr, feature, input...) ((void)0)
#define alternative_io(oldinstr, newinstr, feature, output, input...) ((void)0)

#endif
