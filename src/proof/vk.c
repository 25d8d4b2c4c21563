/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/groth16.h"

#include <stdlib.h>

void cdx_vk_free(struct cdx_vk *vk)
{
	if (vk == NULL)
		return;
	free(vk->ic);
	vk->ic = NULL;
	vk->public_inputs = 0;
}
