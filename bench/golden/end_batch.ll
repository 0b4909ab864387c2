; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @end_batch(ptr noalias noundef align 8 captures(none) dereferenceable(536) %v1, i64 noundef %v2, i64 noundef %v3, i64 noundef %v4) unnamed_addr {
b0:
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v6 = load i64, ptr %v5, align 8
  %v7 = icmp eq i64 %v2, %v6
  br i1 %v7, label %b2, label %b1
b1:
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i32 0, ptr %v8, align 8
  br label %b5
b2:
  %v9 = load i64, ptr %v1, align 8
  %v10 = icmp eq i64 %v9, 0
  br i1 %v10, label %b5, label %b3
b3:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  %v12 = load i32, ptr %v11, align 8
  %v13 = add i32 %v12, 1
  store i32 %v13, ptr %v11, align 8
  %v14 = icmp ugt i32 %v13, 63
  br i1 %v14, label %b4, label %b5
b4:
  store i32 0, ptr %v11, align 8
  tail call void @store_published(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v2)
  br label %b5
b5:
  store i64 %v2, ptr %v5, align 8
  %v15 = getelementptr inbounds nuw i8, ptr %v1, i64 456
  %v16 = load i64, ptr %v15, align 8
  %v17 = getelementptr inbounds nuw i8, ptr %v1, i64 368
  %v18 = add i64 %v16, %v3
  store i64 %v18, ptr %v17, align 8
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 376
  %v20 = load i64, ptr %v19, align 8
  %v21 = add i64 %v20, %v4
  store i64 %v21, ptr %v19, align 8
  %v22 = getelementptr inbounds nuw i8, ptr %v1, i64 464
  %v23 = load i64, ptr %v22, align 8
  store i64 0, ptr %v22, align 8
  %v24 = getelementptr inbounds nuw i8, ptr %v1, i64 384
  %v25 = load i64, ptr %v24, align 8
  %v26 = add i64 %v25, %v23
  store i64 %v26, ptr %v24, align 8
  %v27 = getelementptr inbounds nuw i8, ptr %v1, i64 488
  %v28 = load i64, ptr %v27, align 8
  %v29 = icmp eq i64 %v28, 0
  br i1 %v29, label %b6, label %b7
b6:
  tail call void @give_back(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1)
  br label %b8
b7:
  %v30 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v31 = load i64, ptr %v30, align 8
  %v32 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v33 = load i8, ptr %v32, align 4
  %v34 = trunc nuw i8 %v33 to i1
  %v35 = sub i64 %v2, %v31
  %v36 = select i1 %v34, i64 -1, i64 4294967295
  %v37 = and i64 %v36, %v35
  %v38 = icmp ult i64 %v37, %v28
  br i1 %v38, label %b8, label %b9
b8:
  ret void
b9:
  %v39 = getelementptr inbounds nuw i8, ptr %v1, i64 392
  %v40 = load i64, ptr %v39, align 8
  %v41 = getelementptr inbounds nuw i8, ptr %v1, i64 408
  %v42 = load i64, ptr %v41, align 8
  %v43 = getelementptr inbounds nuw i8, ptr %v1, i64 416
  %v44 = load i64, ptr %v43, align 8
  %v45 = sub i64 %v2, %v44
  %v46 = and i64 %v36, %v45
  %v47 = getelementptr inbounds nuw i8, ptr %v1, i64 352
  %v48 = load i32, ptr %v47, align 8
  %v49 = zext i32 %v48 to i64
  %v50 = icmp ugt i64 %v46, %v49
  %v51 = select i1 %v50, i64 %v31, i64 %v44
  %v52 = select i1 %v50, i64 %v31, i64 %v42
  %v53 = select i1 %v50, i64 %v31, i64 %v40
  %v54 = icmp eq i64 %v51, %v2
  %v55 = select i1 %v54, i64 %v53, i64 %v52
  %v56 = sub i64 %v2, %v55
  %v57 = and i64 %v56, %v36
  %v58 = lshr i32 %v48, 3
  %v59 = zext nneg i32 %v58 to i64
  %v60 = icmp ule i64 %v57, %v59
  %v61 = icmp ult i64 %v57, %v37
  %v62 = and i1 %v60, %v61
  br i1 %v62, label %b11, label %b10
b10:
  tail call void @give_back(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1)
  br label %b8
b11:
  tail call void @store_published(ptr noalias noundef nonnull align 8 dereferenceable(536) %v1, i64 noundef %v55)
  br label %b8
}
