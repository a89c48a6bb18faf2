// Everything that the app knows of a video.

import type { ComponentChildren } from "preact";
import type { Video } from "../../api/types";
import { look as words } from "../../strings";
import { Copy } from "../../ui/copy";
import { duration, size as shown, usd } from "../../ui/format";

export function Facts({ video }: { video: Video }) {
  const { fact } = words;
  const { cost, outputs } = video;
  return (
    <section class="facts" aria-labelledby="facts-title">
      <h2 id="facts-title">{words.facts}</h2>
      <dl>
        <Fact name={fact.model}>
          {video.rendered_by === video.model ? video.model : words.instead(video.model, video.rendered_by)}
        </Fact>
        <Fact name={fact.size}>{shown(video.size)}</Fact>
        <Fact name={fact.length}>{video.seconds} s</Fact>
        <Fact name={fact.made}>{moment(video.created_at)}</Fact>
        {video.completed_at && <Fact name={fact.took}>{duration(video.completed_at - video.created_at)}</Fact>}
        <Fact name={fact.cost}>{cost.actual ? usd(cost.actual) : `${usd(cost.estimated)} (${words.estimated})`}</Fact>
        {video.deployment && <Fact name={fact.deployment}>{video.deployment}</Fact>}
        {video.expires_at && <Fact name={fact.expires}>{moment(video.expires_at)}</Fact>}
        {video.notice && <Fact name={fact.notice}>{video.notice}</Fact>}
        {[...Object.entries(video.parameters), ...Object.entries(video.metadata)].map(([name, value]) => (
          <Fact key={name} name={name}>
            {String(value)}
          </Fact>
        ))}
        <Fact name={fact.id}>
          <code>{video.id}</code> <Copy text={video.id} />
        </Fact>
        {outputs.map((output) => (
          <Fact key={output.index} name={outputs.length > 1 ? `${fact.sha256}, ${words.variant(output.index + 1)}` : fact.sha256}>
            <code class="sha256">{output.sha256}</code> <Copy text={output.sha256} />
            <span class="hint figures"> {(output.size_bytes / 1e6).toFixed(2)} MB</span>
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const moment = (at: number): string =>
  new Date(at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
