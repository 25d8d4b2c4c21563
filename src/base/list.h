/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_LIST_H
#define CDX_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Doubly linked circular list with an embedded node; the head is a node. */
struct cdx_list {
	struct cdx_list *prev;
	struct cdx_list *next;
};

static inline void cdx_list_init(struct cdx_list *head)
{
	head->prev = head;
	head->next = head;
}

/* true when nothing hangs on @head */
static inline bool cdx_list_empty(const struct cdx_list *head)
{
	return head->next == head;
}

/* @node becomes the last of @head; it must be on no list */
static inline void cdx_list_add_tail(struct cdx_list *head,
				     struct cdx_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* @node becomes the first of @head; it must be on no list */
static inline void cdx_list_add(struct cdx_list *head, struct cdx_list *node)
{
	node->prev = head;
	node->next = head->next;
	head->next->prev = node;
	head->next = node;
}

/* Unlinks; the node is left as an empty list, so that doing it twice is safe */
static inline void cdx_list_del(struct cdx_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	cdx_list_init(node);
}

#define cdx_list_entry(node, type, member) CDX_CONTAINER(node, type, member)

#define cdx_list_foreach(pos, head)                                \
	for (struct cdx_list *pos = (head)->next; (pos) != (head); \
	     (pos) = (pos)->next)

#define cdx_list_foreach_safe(pos, tmp, head)                         \
	for (struct cdx_list *pos = (head)->next, *tmp = (pos)->next; \
	     (pos) != (head); (pos) = (tmp), (tmp) = (pos)->next)

#endif
