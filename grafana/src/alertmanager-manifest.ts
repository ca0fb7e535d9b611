/**
 * The routes of Alertmanager as its operator takes them: the `spec` of an `AlertmanagerConfig`
 * (monitoring.coreos.com/v1alpha1). Every receiver is a webhook whose address is in a Secret.
 */

import { alertmanagerConfig, type Receiver } from './alertmanager.ts'

interface Matcher {
  readonly name: string
  readonly value: string
  readonly matchType: '=' | '=~'
}

interface OperatorRoute {
  readonly receiver: string
  readonly matchers?: readonly Matcher[]
  readonly groupBy?: readonly string[]
  readonly groupWait?: string
  readonly groupInterval?: string
  readonly repeatInterval?: string
  readonly continue?: boolean
  readonly routes?: readonly OperatorRoute[]
}

export interface OperatorSpec {
  readonly route: OperatorRoute
  readonly inhibitRules: readonly object[]
  readonly receivers: readonly { readonly name: Receiver }[]
}

/** One route of alertmanager.yml. */
interface Route {
  readonly receiver: string
  readonly matchers?: readonly string[]
  readonly group_by?: readonly string[]
  readonly group_wait?: string
  readonly group_interval?: string
  readonly repeat_interval?: string
  readonly continue?: boolean
  readonly routes?: readonly Route[]
}

/** The same tree, with the keys of the Secret named as the files of alertmanager-webhook.yml are. */
export function operatorSpec(secretName: string): OperatorSpec {
  const { route, inhibit_rules, receivers } = alertmanagerConfig((name) =>
    name === 'nobody'
      ? {}
      : {
          webhookConfigs: [
            {
              urlSecret: { name: secretName, key: `${name}_url` },
              sendResolved: name !== 'heartbeat',
            },
          ],
        },
  )
  return {
    route: operatorRoute(route),
    inhibitRules: inhibit_rules.map(({ source_matchers, target_matchers, equal }) => ({
      sourceMatch: source_matchers.map(readMatcher),
      targetMatch: target_matchers.map(readMatcher),
      equal,
    })),
    receivers,
  }
}

function operatorRoute(route: Route): OperatorRoute {
  return {
    receiver: route.receiver,
    ...(route.matchers === undefined ? {} : { matchers: route.matchers.map(readMatcher) }),
    ...(route.group_by === undefined ? {} : { groupBy: route.group_by }),
    ...(route.group_wait === undefined ? {} : { groupWait: route.group_wait }),
    ...(route.group_interval === undefined ? {} : { groupInterval: route.group_interval }),
    ...(route.repeat_interval === undefined ? {} : { repeatInterval: route.repeat_interval }),
    ...(route.continue === undefined ? {} : { continue: route.continue }),
    ...(route.routes === undefined ? {} : { routes: route.routes.map(operatorRoute) }),
  }
}

/** `label="value"` or `label=~"one|other"`. */
function readMatcher(text: string): Matcher {
  const [, name, matchType, value] = /^(\w+)(=~?)"([^"\\]*)"$/.exec(text) ?? []
  if (name === undefined || value === undefined || (matchType !== '=' && matchType !== '=~')) {
    throw new Error(`${text} is no matcher that the operator's manifest can be made of`)
  }
  return { name, value, matchType }
}
