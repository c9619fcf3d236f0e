/* SPDX-License-Identifier: Apache-2.0 */
/* list.h: intrusive doubly linked list; the head is a node that points at itself when empty. */
#pragma once
#include "base/macros.h"
#include <stdbool.h>

struct list {
        struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
        head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
        return head->next == head;
}

/* A node outside any list has next == NULL; list_remove() leaves it so. */
static inline bool list_linked(const struct list *node)
{
        return node->next != NULL;
}

static inline void list_push_back(struct list *head, struct list *node)
{
        node->prev = head->prev;
        node->next = head;
        head->prev->next = node;
        head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
        list_push_back(head->next, node);
}

static inline void list_remove(struct list *node)
{
        node->prev->next = node->next;
        node->next->prev = node->prev;
        node->next = node->prev = NULL;
}

#define list_entry(node, type, member) CONTAINER_OF(node, type, member)
#define list_foreach(head, it) for (struct list *it = (head)->next; it != (head); it = it->next)
/* it may be removed (and freed) in the body. */
#define list_foreach_safe(head, it)                                                                \
        for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
                it = it##_next, it##_next = it->next)
