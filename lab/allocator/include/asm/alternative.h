/* SPDX-License-Identifier: GPL-2.0-only */
/* Code is not patched here. */
#ifndef HOST_ASM_ALTERHOST_H
#define HOST_ASM_ALTERHOST_H

#define alternative(oldinstr, newinstr, feature) ((void)0)
#define alternative_2(oldinstr, newinstr1, feature1, newinstr2, feature2) ((void)0)
#define alternative_input(oldinstr, newinstr, feature, input...) ((void)0)
#define alternative_call(func, args...) (func)(args)
#define alternative_vcall(func, args...) ((void)(func)(args))

#endif
