import { describe, expect, test } from '@jest/globals';
import { searchNames } from '@millrace/schemas/stores';
import { entryAt, exampleProduct } from '../port/testing/examples.ts';
import { productDocument, productOperation } from './encoding.ts';

describe('search documents', () => {
  test('prices are hundredths, tags pairs, attributes those that are plain', () => {
    const tags = [
      { tagId: 't', name: 'color', value: 'red' },
      { tagId: 'u', name: 'new', value: null },
    ];
    const attributes = { width: 12, led: true, nested: { a: 1 } };
    const price = { amount: '1234.50', currency: 'EUR' };
    const product = {
      ...exampleProduct,
      tags,
      attributes,
      price,
      stock: { available: 0, status: 'out_of_stock' as const },
    };
    expect(productDocument(entryAt('product', 'p', 5n, product))).toMatchObject({
      productId: 'p',
      deleted: false,
      position: '00000000000000000005',
      tagPairs: ['color:red', 'new:'],
      attributePairs: ['width:12', 'led:true'],
      priceMinor: 123450,
      currency: 'EUR',
      inStock: false,
    });
  });

  test('variants, popularity and rating are as searches count them', () => {
    const variant = {
      variantId: 'v',
      sku: 'V',
      name: 'Large',
      attributes: { size: 'L' },
      amount: '9.90',
      available: 2,
    };
    const product = {
      ...{ ...exampleProduct, name: 'Shirt', vendor: 'Acme', categoryPath: ['All'], attributes: { fit: 'slim', n: 1 } },
      tags: [{ tagId: 't', name: 'color', value: 'red' }],
      variants: [variant, { ...variant, variantId: 'w', amount: null, available: 0 }],
      stock: { available: 2, status: 'in_stock' as const, soldPerDay: 1.25 },
      rating: { average: 5, count: 30 },
    };
    const document = productDocument(entryAt('product', 'p', 5n, product));
    expect(document).toMatchObject({
      words: ['Shirt', 'Acme', 'All', 'red', 'slim', 'Large', 'L'],
      popularity: 125,
      ratingScore: 463,
      variants: [
        { variantId: 'v', sku: 'V', attributePairs: ['size:L'], priceMinor: 990, available: 2, inStock: true },
        { variantId: 'w', priceMinor: null, inStock: false },
      ],
    });
    const unrated = { ...product, rating: { average: null, count: 0 } };
    expect(productDocument(entryAt('product', 'p', 5n, unrated))).toMatchObject({ ratingScore: 350 });
    expect(Object.keys(productDocument(entryAt('product', 'p', 5n, product), 1))).toEqual(
      Object.keys(document).filter((field) => !['words', 'popularity', 'ratingScore', 'variants'].includes(field)),
    );
  });

  test('a deleted product is only its id and position', () => {
    expect(Object.keys(productDocument(entryAt('product', 'p', 5n, null)))).toEqual([
      'productId',
      'deleted',
      'position',
      'committedAt',
    ]);
  });

  test('a version above 2^53 keeps every digit', () => {
    const lsn = (3n << 56n) | 12345678901n;
    const entry = { ...entryAt('product', 'p', 1n, null), lsn };
    expect(productOperation(searchNames(), entry)).toContain(`"version":${lsn.toString()},`);
  });
});
