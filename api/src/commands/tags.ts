import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { writeEvent } from './outbox.ts';
import { lockProduct } from './product-lock.ts';
import type { Command } from './runner.ts';
import type { SetTags, TagSet } from './shapes.ts';

type TagInput = Static<typeof TagSet>[number];

export interface ProductTag {
  readonly tagId: string;
  readonly name: string;
  readonly value: string | null;
}

/** Adds tags, or changes their values. */
export function addTags(principal: Principal, productId: string, input: Static<typeof SetTags>): Command {
  return setTags(principal, productId, input, { created: true, replace: false });
}

/** With `tags`, the product has exactly these afterwards; with one tag, it has that one too. */
export function putTags(principal: Principal, productId: string, input: Static<typeof SetTags>): Command {
  return setTags(principal, productId, input, { created: false, replace: true });
}

function setTags(
  principal: Principal,
  productId: string,
  input: Static<typeof SetTags>,
  options: { readonly created: boolean; readonly replace: boolean },
): Command {
  const { tags, ...single } = input;
  const wanted = tags ?? [single];
  return async (sql) => {
    await lockProduct(sql, principal.tenantId, productId);
    const ids = await assignTags(sql, principal.tenantId, productId, wanted, tags === undefined ? '' : 'tags.');
    if (options.replace && tags !== undefined) {
      await sql.run('delete from commerce.product_tags where product_id = $1 and tag_id <> all($2::uuid[])', [
        productId,
        ids,
      ]);
    }
    const now = await tagsOf(sql, productId);
    await writeEvent(sql, {
      tenantId: principal.tenantId,
      aggregateType: 'product',
      aggregateId: productId,
      eventType: 'ProductTagged',
      payload: { productId, tags: now },
      actor: principal.subject,
    });
    return { status: options.created ? 201 : 200, body: { productId, tags: now } };
  };
}

export function removeTag(principal: Principal, productId: string, tagId: string): Command {
  return async (sql) => {
    await lockProduct(sql, principal.tenantId, productId);
    const removed = await sql.first(
      'delete from commerce.product_tags where product_id = $1 and tag_id = $2 returning tag_id',
      [productId, tagId],
    );
    if (removed === undefined) throw new PlatformError('not-found', 'The product does not carry this tag.');
    const now = await tagsOf(sql, productId);
    await writeEvent(sql, {
      tenantId: principal.tenantId,
      aggregateType: 'product',
      aggregateId: productId,
      eventType: 'ProductUntagged',
      payload: { productId, tagId },
      actor: principal.subject,
    });
    return { status: 200, body: { productId, tags: now } };
  };
}

/** The ids of the tags, made where their name is new. `fieldPrefix` names the input in refusals: `tags.` or nothing. */
export async function assignTags(
  sql: Sql,
  tenantId: string,
  productId: string,
  inputs: readonly TagInput[],
  fieldPrefix: string,
): Promise<string[]> {
  const ids: string[] = [];
  for (const [index, input] of inputs.entries()) {
    const field = fieldPrefix === '' ? '' : `${fieldPrefix}${index}.`;
    const tagId = await tagIdOf(sql, tenantId, input, field);
    await sql.run(
      `insert into commerce.product_tags (product_id, tag_id, value, tenant_id) values ($1, $2, $3, $4)
       on conflict (product_id, tag_id) do update set value = excluded.value
       where product_tags.value is distinct from excluded.value`,
      [productId, tagId, input.value ?? null, tenantId],
    );
    ids.push(tagId);
  }
  return ids;
}

async function tagIdOf(sql: Sql, tenantId: string, input: TagInput, field: string): Promise<string> {
  if (input.tagId !== undefined) {
    const found = await sql.first('select from commerce.tags where tag_id = $1 and tenant_id = $2', [
      input.tagId,
      tenantId,
    ]);
    if (found === undefined) throw wrongField(`${field}tagId`, 'names no tag');
    return input.tagId;
  }
  if (input.name === undefined) throw wrongField(`${field}name`, 'is required where tagId is absent');
  const made = await sql.first<{ tag_id: string }>(
    `with made as (
       insert into commerce.tags (name, tenant_id) values ($1, $2) on conflict (tenant_id, name) do nothing returning tag_id)
     select tag_id from made union all select tag_id from commerce.tags where name = $1 and tenant_id = $2 limit 1`,
    [input.name, tenantId],
  );
  // Nothing: another transaction made the tag after this statement's snapshot, and has committed by now.
  const tag =
    made ??
    (await sql.first<{ tag_id: string }>('select tag_id from commerce.tags where name = $1 and tenant_id = $2', [
      input.name,
      tenantId,
    ]));
  if (tag === undefined) throw new PlatformError('conflict', 'The tag was just removed: try again.');
  return tag.tag_id;
}

async function tagsOf(sql: Sql, productId: string): Promise<ProductTag[]> {
  return sql.rows<ProductTag & Record<string, unknown>>(
    `select t.tag_id as "tagId", t.name, pt.value from commerce.product_tags pt join commerce.tags t using (tag_id)
     where pt.product_id = $1 order by t.name`,
    [productId],
  );
}
