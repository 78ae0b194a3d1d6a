/* SPDX-License-Identifier: MIT
 * runnel.h — all of librunnel: client.h for programs with an event loop, easy.h for those without.
 * May touch: client.h and easy.h.
 */
#ifndef RUNNEL_RUNNEL_H
#define RUNNEL_RUNNEL_H

#include <runnel/client.h>
#include <runnel/easy.h>

#endif
